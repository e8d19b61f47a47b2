namespace Bilevel.Cli.Tests;

public class ErrorTests
{
    [Theory]
    [InlineData("Say what to do: run, list, check, data, predict. 'bilevel --help' shows what it takes, with examples.")]
    [InlineData("There is no command 'rnu'. Did you mean 'run'?", "rnu")]
    [InlineData("There is no task 'toi'. Did you mean 'toy'?", "run", "toi")]
    [InlineData("There is no task or method 'f2b'. Did you mean 'f2ba'?", "list", "f2b")]
    [InlineData("There is no method 'f2bb'. Did you mean 'f2ba'?", "run", "toy", "--method", "f2bb")]
    [InlineData("'bilevel run' has no option --tolernce. Did you mean '--tolerance'?", "run", "toy", "--tolernce", "1")]
    [InlineData("'bilevel run' has no option --lamda. Did you mean '--lambda'?", "run", "toy", "--lamda", "1")]
    [InlineData("'bilevel run' has no option --lamda. Did you mean '--lambda'?", "run", "toy", "--method", "f2ba", "--lamda", "1")]
    [InlineData("'bilevel run' has no option --tarlget. Did you mean '--target'?", "run", "toy", "--tarlget", "1")]
    [InlineData("'bilevel run' has no option --method.lamda. Did you mean '--method.lambda'?", "run", "toy", "--method.lamda", "1")]
    [InlineData("'bilevel run' has no option --tol. Did you mean '--tolerance'?", "run", "toy", "--tol", "1")]
    [InlineData("'bilevel run' has no option --oder. Did you mean '--order'? It is a setting of the method f2sa-p, not of this command's.", "run", "toy", "--method", "f2ba", "--oder", "4")]
    [InlineData("'bilevel run' has no option --xyz. 'bilevel run --help' shows what it takes, with examples.", "run", "toy", "--xyz", "1")]
    [InlineData("'bilevel run' has no option --learning-rate. 'bilevel run --help' shows what it takes, with examples.", "run", "toy", "--learning-rate", "1")]
    [InlineData("'bilevel check' has no option --colour. 'bilevel check --help' shows what it takes, with examples.", "check", "toy", "--colour")]
    [InlineData("There is no command 'delete'. There are: run, list, check, data, predict.", "delete")]
    [InlineData("--order is a setting of the method f2sa-p, quasi-newton: choose it with --method, or leave the option out.", "run", "toy", "--method", "f2ba", "--order", "4")]
    [InlineData("Neither the task toy nor the method f2ba has a setting 'lamda'. Did you mean 'lambda'?", "run", "toy", "--method", "f2ba", "--set", "lamda=4")]
    [InlineData("Neither the task toy nor the method f2ba has a setting 'order'. It is a setting of f2sa-p, quasi-newton; choose a method that has it with --method.", "run", "toy", "--method", "f2ba", "--set", "order=4")]
    [InlineData("There is no setting 'sise'. Did you mean 'size'?", "run", "toy", "--set", "task.sise=4")]
    [InlineData("The setting 'size' does not take '0': it takes integer from 1 to 1000. Number of components.", "run", "toy", "--size", "0")]
    [InlineData("The setting 'target' does not take '1,5': it takes number from -100 to 100. Target c of the upper level.", "run", "toy", "--set", "target=1,5")]
    [InlineData("--set takes name=value; it got 'size'.", "run", "toy", "--set", "size")]
    [InlineData("--tolerance takes a positive number, written like 0.001 or 1e-3; it got '0,5'.", "run", "toy", "--tolerance", "0,5")]
    [InlineData("--iterations takes an integer of at least 1; it got '1e3'.", "run", "toy", "--iterations", "1e3")]
    [InlineData("--seed takes an integer of at least 0; it got '-1'.", "run", "toy", "--seed", "-1")]
    [InlineData("--resume needs --out DIR: it continues from the checkpoint in that folder.", "run", "toy", "--resume")]
    [InlineData("--require-certificate and --no-certificate contradict each other: give one of the two.", "run", "toy", "--require-certificate", "--no-certificate")]
    [InlineData("There is no folder /nowhere/at/all. --data takes the folder that holds the task's files.", "run", "toy", "--data", "/nowhere/at/all")]
    [InlineData("The file toy.csv, line 3, holds 'abc' where a number belongs. Mend that line.", "run", "toy", "--bad-data")]
    public void WrongInputIsOneLineAndExit2(string message, params string[] args)
    {
        var answer = Tool.Run(args);
        Assert.Equal($"bilevel: {message}\n", answer.Error);
        Assert.Empty(answer.Out);
        Assert.Equal(2, answer.Code);
    }

    [Fact]
    public void AProblemThatTheValidatorRefusesIsWrongInput()
    {
        var answer = Tool.Run("run", "wrong");
        Assert.Equal(2, answer.Code);
        Assert.Contains("The gradient of the lower objective g in x does not match its values", answer.Error);
        Assert.DoesNotContain("   at ", answer.Error);
    }

    [Fact]
    public void AMissingValueIsSaid()
    {
        var answer = Tool.Run("run", "toy", "--method");
        Assert.Equal(2, answer.Code);
        Assert.Contains("--method", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
    }
}
