using System.Numerics;

namespace Bilevel;

/// <summary>Vectors to use during one evaluation, kept for the next, so that the steady state allocates nothing whatever the mix of lengths.</summary>
internal sealed class ScratchVectors<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly List<DenseVector<T>> vectors = [];
    private int rented;

    public void ReturnAll() => rented = 0;

    public DenseVector<T> Rent(DenseVector<T> like) => Rent(like.Length);

    /// <summary>A vector with arbitrary content.</summary>
    public DenseVector<T> Rent(int length)
    {
        int found = rented;
        while (found < vectors.Count && vectors[found].Length != length) found++;
        if (found == vectors.Count) vectors.Add(new DenseVector<T>(length));
        (vectors[rented], vectors[found]) = (vectors[found], vectors[rented]);
        return vectors[rented++];
    }
}
