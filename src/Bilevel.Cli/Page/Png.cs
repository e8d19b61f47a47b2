using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>Writes grey images as PNG (ISO/IEC 15948), 8 bits a pixel: ink dark on white paper.</summary>
internal static class Png
{
    private static readonly uint[] Remainders = [.. Enumerable.Range(0, 256).Select(Remainder)];

    /// <summary>The bytes of the file.</summary>
    public static byte[] Of(GreyImage image)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = 8;                                                     // bits; then 0: grey, deflate, the only filter method, not interlaced
        Chunk(file, "IHDR", header);
        Chunk(file, "IDAT", Compressed(image));
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Compressed(GreyImage image)
    {
        using var data = new MemoryStream();
        using (var packed = new ZLibStream(data, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var row = new byte[1 + image.Width];                           // filter 0: the bytes as they are
            for (int y = 0; y < image.Height; y++)
            {
                var ink = image.Pixels.Span.Slice(y * image.Width, image.Width);
                for (int x = 0; x < ink.Length; x++) row[1 + x] = (byte)(255 - ink[x]);
                packed.Write(row);
            }
        }

        return data.ToArray();
    }

    private static void Chunk(MemoryStream file, string type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        byte[] name = Encoding.ASCII.GetBytes(type);
        file.Write(name);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Check(Check(uint.MaxValue, name), data));
        file.Write(number);
    }

    // The cyclic redundancy check of ISO 3309, low bit first.
    private static uint Check(uint check, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes) check = Remainders[(byte)(check ^ b)] ^ (check >> 8);
        return check;
    }

    private static uint Remainder(int b)
    {
        uint check = (uint)b;
        for (int bit = 0; bit < 8; bit++) check = (check & 1) == 0 ? check >> 1 : 0xEDB88320 ^ (check >> 1);
        return check;
    }
}
