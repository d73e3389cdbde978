/// A promise that an input broke.
public struct Violation: Error, CustomStringConvertible {
    /// Which promise, and how.
    public let description: String

    /// Fails unless the promise is kept.
    static func unless(_ isKept: Bool, _ promise: @autoclosure () -> String) throws(Violation) {
        guard isKept else { throw Violation(description: promise()) }
    }
}

/// One thing to fuzz: a function from any bytes, and the name of its folders under `Corpus` and `FailCases`.
public struct FuzzTarget: Sendable {
    /// The folders' name.
    public let name: String
    /// Tries one input.
    public let run: @Sendable ([UInt8]) throws(Violation) -> Void

    /// All there are.
    public static let all = [
        FuzzTarget(name: "codec", run: codecRoundTrip),
        FuzzTarget(name: "server", run: serverScript),
        FuzzTarget(name: "relay", run: relayScript),
        FuzzTarget(name: "sealed", run: sealedDatagrams),
    ]
}
