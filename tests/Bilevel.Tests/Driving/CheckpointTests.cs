namespace Bilevel.Tests;

public sealed class CheckpointTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("checkpoints").FullName;

    private string File => Path.Combine(folder, "checkpoint");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static Checkpoint Make(long iteration, int bytes = 5) =>
        new(new CheckpointInfo("what", "where", "when", iteration), stream => stream.Write([.. Enumerable.Range(0, bytes).Select(i => (byte)(i + iteration))]));

    private static void AssertSame(Checkpoint expected, Checkpoint? actual)
    {
        Assert.Equal(expected.Info, actual!.Info);
        Assert.Equal(expected.ToBytes(), actual.ToBytes());
    }

    [Fact]
    public void Bytes_round_trip()
    {
        foreach (int bytes in new[] { 0, 1, 1000 }) AssertSame(Make(12, bytes), Checkpoint.FromBytes(Make(12, bytes).ToBytes()));
    }

    [Fact]
    public void Nothing_is_stored_at_first() => Assert.Null(new FileCheckpointStore(File).Load());

    [Fact]
    public void The_last_is_loaded_and_the_one_before_kept()
    {
        var store = new FileCheckpointStore(File);
        for (int i = 1; i <= 4; i++)
        {
            store.Save(Make(i, 10 * i));
            AssertSame(Make(i, 10 * i), store.Load());
        }

        AssertSame(Make(3, 30), Checkpoint.FromBytes(System.IO.File.ReadAllBytes(store.PreviousPath)));
        Assert.Equal(["checkpoint", "checkpoint.previous"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_flipped_byte_is_noticed()
    {
        var store = new FileCheckpointStore(File);
        store.Save(Make(1));
        store.Save(Make(2));
        byte[] good = System.IO.File.ReadAllBytes(File);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 0xFF;
            System.IO.File.WriteAllBytes(File, bad);
            string reason = i < 8 ? "This is no checkpoint of this library, or its beginning is damaged."
                : i < 12 ? FormattableString.Invariant($"The checkpoint has format version {BitConverter.ToInt32(bad, 8)}; this version of the library reads 3.")
                : "The checkpoint is damaged: its checksum differs.";
            Assert.Equal($"{File}: {reason} The one before it is whole: copy {store.PreviousPath} over it and resume.", Assert.Throws<CheckpointException>(() => store.Load()).Message);
        }
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        var store = new FileCheckpointStore(File);
        store.Save(Make(1));
        byte[] good = System.IO.File.ReadAllBytes(File);
        for (int length = 0; length < good.Length; length++)
        {
            System.IO.File.WriteAllBytes(File, good[..length]);
            string message = Assert.Throws<CheckpointException>(() => store.Load()).Message;
            Assert.StartsWith($"{File}: ", message, StringComparison.Ordinal);
            Assert.EndsWith("There is no earlier one; start the run anew.", message, StringComparison.Ordinal);
            if (length is >= 12 and < 44) Assert.Contains("The checkpoint is cut short.", message, StringComparison.Ordinal);
        }

        System.IO.File.WriteAllBytes(File, [.. good, 0]);
        Assert.Throws<CheckpointException>(() => store.Load());
    }

    [Fact]
    public void A_damaged_file_does_not_push_out_the_one_before()
    {
        var store = new FileCheckpointStore(File);
        store.Save(Make(1));
        store.Save(Make(2));
        System.IO.File.WriteAllText(File, "junk");
        store.Save(Make(3));
        AssertSame(Make(3), store.Load());
        AssertSame(Make(1), Checkpoint.FromBytes(System.IO.File.ReadAllBytes(store.PreviousPath)));
    }

    [Fact]
    public void A_crash_at_any_byte_of_a_write_leaves_a_whole_one()
    {
        var store = new FileCheckpointStore(File);
        byte[] next = Make(3).ToBytes();
        for (int written = 0; written <= next.Length; written++)
        {
            store.Save(Make(1));
            store.Save(Make(2));
            System.IO.File.WriteAllBytes(File + ".new", next[..written]);
            AssertSame(Make(2), store.Load());
            store.Save(Make(4));
            AssertSame(Make(4), store.Load());
        }

        // Between the two moves.
        store.Save(Make(5));
        System.IO.File.Move(File, store.PreviousPath, overwrite: true);
        AssertSame(Make(5), store.Load());
        System.IO.File.WriteAllText(store.PreviousPath, "junk");
        Assert.Equal(
            $"{store.PreviousPath}: This is no checkpoint of this library, or its beginning is damaged. There is no other one; start the run anew.",
            Assert.Throws<CheckpointException>(() => store.Load()).Message);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_to()
    {
        string path = Path.Combine(folder, "missing", "checkpoint");
        string message = Assert.Throws<CheckpointException>(() => new FileCheckpointStore(path).Save(Make(1))).Message;
        Assert.StartsWith($"The checkpoint {path} could not be written: ", message, StringComparison.Ordinal);
        Assert.Null(new FileCheckpointStore(path).Load());
    }

    [Fact]
    public void A_path_that_is_a_folder_leaves_nothing_half_written()
    {
        Directory.CreateDirectory(File);
        Assert.StartsWith($"The checkpoint {File} could not be written: ", Assert.Throws<CheckpointException>(() => new FileCheckpointStore(File).Save(Make(1))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void A_failed_write_is_told_and_costs_nothing()
    {
        string path = Path.Combine(folder, "missing", "c");
        Solution<DenseVector<double>> Run(ICheckpointStore? store) => new Driver { Stop = Stop.Iterations(3), CheckpointEvery = 1, Checkpoints = store }.Run(new F2sa(), new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0));
        var (with, without) = (Run(new FileCheckpointStore(path)), Run(null));
        Assert.Equal((without.Status, without.StatusMessage, without.X[0]), (with.Status, with.StatusMessage, with.X[0]));
        string note = Assert.Single(with.Notes.Except(without.Notes));
        Assert.StartsWith($"The checkpoint {path} could not be written: ", note, StringComparison.Ordinal);
        Assert.EndsWith("The results do not depend on it; the run cannot be resumed.", note, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(OutOfMemoryException))]
    [InlineData(typeof(InvalidOperationException))]
    public void A_store_that_throws_costs_nothing(Type kind)
    {
        int saves = 0;
        var store = new MemoryCheckpoints { OnSave = () => _ = ++saves == 3 ? throw (Exception)Activator.CreateInstance(kind, "The store is full")! : 0 };
        var driver = new Driver { Stop = Stop.Iterations(3), CheckpointEvery = 1, Checkpoints = store };
        var solution = driver.Run(new F2sa(), new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal((SolveStatus.IterationLimit, 3L, 3), (solution.Status, solution.Iterations, saves));
        Assert.Contains("The store is full. The results do not depend on it; a resume would go on from iteration 2.", solution.Notes);
        Assert.Equal(2, store.Load()!.Info.Iteration);

        // One that is written later makes up for it.
        saves = 1;
        Assert.DoesNotContain(driver.Run(new F2sa(), new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0)).Notes, n => n.Contains("full", StringComparison.Ordinal));
    }

    [Fact]
    public void A_checkpoint_is_never_in_memory_as_a_whole()
    {
        byte[] piece = new byte[1 << 20];
        long written = 0;
        var large = Make(1) with
        {
            WriteState = stream =>
            {
                for (int i = 0; i < 100; i++) stream.Write(piece);
            },
        };
        long before = GC.GetAllocatedBytesForCurrentThread();
        using (var sink = new Sink(count => written += count)) large.WriteTo(sink);
        Assert.InRange(written, 100 << 20, (100 << 20) + 1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);

        var store = new FileCheckpointStore(File);
        before = GC.GetAllocatedBytesForCurrentThread();
        store.Save(large);
        store.Load()!.WriteState(Stream.Null);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_large_vector_is_saved_piece_by_piece()
    {
        var vector = new DenseVector<double>((1 << 21) + 3);
        vector.Fill(i => i);
        var solution = new Driver { Stop = Stop.Iterations(1), Validate = false, Checkpoints = new FileCheckpointStore(File) }
            .Run(new ScriptedMethod(_ => 1), new TwoVariables().Problem, vector, Vectors.Of(0));
        var resumed = new Driver { Stop = Stop.Iterations(1), Validate = false, Checkpoints = new FileCheckpointStore(File), Resume = true }
            .Run(new ScriptedMethod(_ => 1), new TwoVariables().Problem, vector, Vectors.Of(0));
        Assert.Equal(1, resumed.Iterations);
        Assert.True(solution.X.Span.SequenceEqual(resumed.X.Span));
    }

    [Fact]
    public void A_write_that_fails_in_the_middle_leaves_the_one_before()
    {
        var store = new FileCheckpointStore(File);
        store.Save(Make(1));
        var torn = Make(2) with { WriteState = _ => throw new IOException("No space left on device") };
        Assert.Equal($"The checkpoint {File} could not be written: No space left on device", Assert.Throws<CheckpointException>(() => store.Save(torn)).Message);
        AssertSame(Make(1), store.Load());
        Assert.Equal(["checkpoint"], Directory.GetFiles(folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Archives_read_in_the_order_of_writing()
    {
        using var stream = new MemoryStream();
        var writer = new ArchiveWriter<DenseVector<double>>(stream);
        double number = double.NaN;
        long integer = long.MinValue;
        ulong bits = ulong.MaxValue;
        bool truth = true;
        writer.Transfer(ref number, "number");
        writer.Transfer(ref integer, "integer");
        writer.Transfer(ref bits, "bits");
        writer.Transfer(ref truth, "truth");
        writer.Transfer(Vectors.Of(1, -0.0), "vector");
        writer.Finish();
        Assert.False(writer.Loading);
        ArchiveReader<DenseVector<double>> Reader() => new(new MemoryStream(stream.ToArray()), stream.Length);

        var reader = Reader();
        (number, integer, bits, truth) = (0, 0, 0, false);
        var vector = Vectors.Zeros(2);
        reader.Transfer(ref number, "number");
        reader.Transfer(ref integer, "integer");
        reader.Transfer(ref bits, "bits");
        reader.Transfer(ref truth, "truth");
        Assert.Contains("does not hold 'end'", Assert.Throws<CheckpointException>(reader.Finish).Message, StringComparison.Ordinal);
        reader.Transfer(vector, "vector");
        reader.Finish();
        Assert.True(reader.Loading);
        Assert.Equal((double.NaN, long.MinValue, ulong.MaxValue, true), (number, integer, bits, truth));
        Assert.Equal([1.0, double.NegativeZero], vector.ToDoubles());
        Assert.Contains("does not hold 'more'", Assert.Throws<CheckpointException>(() => reader.Transfer(ref number, "more")).Message, StringComparison.Ordinal);

        var other = Reader();
        Assert.StartsWith("The checkpoint does not hold 'integer' where this run expects it", Assert.Throws<CheckpointException>(() => other.Transfer(ref integer, "integer")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_precision_is_refused()
    {
        using var stream = new MemoryStream();
        new ArchiveWriter<DenseVector<double>>(stream).Transfer(Vectors.Zeros(2), "x");
        stream.Position = 0;
        var e = Assert.Throws<CheckpointException>(() => new ArchiveReader<DenseVector<float>>(stream, stream.Length).Transfer(new DenseVector<float>(4), "x"));
        Assert.StartsWith("The checkpoint holds x as 16 bytes of float64, this run has 16 bytes of float32", e.Message, StringComparison.Ordinal);
    }

    private sealed class Sink(Action<int> write) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => write(buffer.Length);
    }
}
