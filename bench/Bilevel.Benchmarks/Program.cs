if (args is ["calls"]) Bilevel.Benchmarks.MinimaxCalls.Print();
else if (args is ["constrained", .. var limit]) Bilevel.Benchmarks.ConstrainedRace.Print(limit is [var seconds] ? double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture) : 30);
else if (args is ["proximal-calls", .. var most]) Bilevel.Benchmarks.ProximalPointCalls.Print(most is [var number] ? long.Parse(number, System.Globalization.CultureInfo.InvariantCulture) : 300_000_000);
else if (args is ["stochastic"]) Bilevel.Benchmarks.StochasticCalls.Print();
else if (args is ["gauntlet", .. var gauntlet]) Bilevel.Benchmarks.GauntletCommand.Run(gauntlet);
else if (args is ["defaults", .. var defaults]) Bilevel.Benchmarks.DefaultsCommand.Run(defaults);
else if (args is ["attacks", .. var attacks]) Environment.ExitCode = Bilevel.Benchmarks.AttacksCommand.Run(attacks);
else if (args is ["softmax"]) Bilevel.Benchmarks.SoftmaxTable.Print();
else BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
