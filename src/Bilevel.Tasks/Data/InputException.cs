namespace Bilevel.Tasks;

/// <summary>
/// Thrown when something the caller supplied (a file, a folder, a data set) cannot be used.
/// The message says what is wrong, where, and what to do; the command line prints it and exits with code 2.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>Creates the exception with a message meant for the user.</summary>
    /// <param name="message">What is wrong, where (the file), and what to do about it.</param>
    public InputException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a message meant for the user and the error that led to it.</summary>
    /// <param name="message">What is wrong, where (the file), and what to do about it.</param>
    /// <param name="innerException">The underlying error, such as an I/O error.</param>
    public InputException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
