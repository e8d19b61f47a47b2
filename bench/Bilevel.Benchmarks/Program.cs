if (args is ["calls"]) Bilevel.Benchmarks.MinimaxCalls.Print();
else BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
