if (args is ["calls"]) Bilevel.Benchmarks.MinimaxCalls.Print();
else if (args is ["softmax"]) Bilevel.Benchmarks.SoftmaxTable.Print();
else BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
