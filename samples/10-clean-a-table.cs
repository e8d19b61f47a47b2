#:project ../src/Bilevel.Tasks/Bilevel.Tasks.csproj
// A task from code: a table whose labels are partly wrong is cleaned, the suspicious rows are shown, and the model is saved, loaded and used.
using Bilevel.Tasks;

string folder = Directory.CreateTempSubdirectory("bilevel-").FullName;
string train = Path.Combine(folder, "train.csv"), trusted = Path.Combine(folder, "trusted.csv"), fresh = Path.Combine(folder, "new.csv");
List<int> wrong = [];
File.WriteAllLines(train, Flowers.Table(seed: 1, count: 300, wrong));       // of every five roses two are called lilies
File.WriteAllLines(trusted, Flowers.Table(seed: 2, count: 60));             // a few rows that somebody has checked
File.WriteAllLines(fresh, ["petal,sepal", "1.5,3.5", "4.5,2.5"]);

var task = new HyperCleaning().Create(new HyperCleaningSettings { Train = train, Validation = trusted, Label = "kind" }, new TaskContext());
var answer = task.Solve();
var cleaned = (CleaningOutcome)answer.Outcome;
Console.WriteLine(FormattableString.Invariant($"accuracy on the trusted rows: {cleaned["validation_accuracy"]:P1}, without cleaning {cleaned["baseline_validation_accuracy"]:P1}"));
foreach (var row in cleaned.Rows.Take(5))
    Console.WriteLine(FormattableString.Invariant($"line {row.Row}: {row.Label}, likely {row.LikelyLabel}, weight {row.Weight:F4}"));
Console.WriteLine($"{cleaned.Rows.Count(row => row.Weight < 0.5)} labels look wrong; of the {wrong.Count} that are, {cleaned.Rows.Take(wrong.Count).Count(row => wrong.Contains(row.Row))} are among the first {wrong.Count}");

string file = Path.Combine(folder, "model.json");
cleaned.Model!.Save(file);
var model = SoftmaxModel.Load(file);
var rows = DataFile.ReadLike(fresh, model.Encoding, model.ClassNames, forPrediction: true);
foreach (var (kind, probabilities) in model.Predict(rows.Table))
    Console.WriteLine(FormattableString.Invariant($"{model.ClassNames[kind]} with probability {probabilities[kind]:F3}"));
Directory.Delete(folder, recursive: true);

internal static class Flowers
{
    // Two kinds of flowers that overlap a little. Where a list is given, labels are made wrong, and the list receives their lines.
    public static IEnumerable<string> Table(int seed, int count, List<int>? wrong = null)
    {
        var random = new Random(seed);
        yield return "petal,sepal,kind";
        for (int line = 2, roses = 0; line < count + 2; line++)
        {
            bool isRose = random.Next(2) == 0, isWrong = wrong is not null && isRose && roses++ % 5 < 2;
            double petal = (isRose ? 2 : 3) + Spread(), sepal = (isRose ? 3.5 : 2.5) + Spread();
            if (isWrong) wrong!.Add(line);
            yield return FormattableString.Invariant($"{petal:F2},{sepal:F2},{(isRose && !isWrong ? "rose" : "lily")}");
        }

        double Spread() => random.NextDouble() + random.NextDouble() - 1;
    }
}
