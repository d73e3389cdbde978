import Foundation

/// Writes a Swift file with the text of each file as a string literal, by its name: `EmbedTextsTool OUTPUT FILE...`.
@main
struct EmbedTextsTool {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let output = arguments.first else { throw CocoaError(.fileNoSuchFile) }
        var code = """
            /// The files that the program carries with it, by their names.
            enum EmbeddedTexts {
                static let files: [String: String] = [

            """
        for path in arguments.dropFirst() {
            let url = URL(fileURLWithPath: path)
            let text = try String(contentsOf: url, encoding: .utf8)
            code += "        \(literal(url.lastPathComponent)): \(literal(text)),\n"
        }
        code += "    ]\n}\n"
        // The build may run this for no new reason; a file that stays as it was is not compiled again.
        if (try? String(contentsOfFile: output, encoding: .utf8)) == code { return }
        try code.write(toFile: output, atomically: true, encoding: .utf8)
    }

    /// `text` as a literal on one line: whatever it holds, nothing of it is code.
    private static func literal(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20: result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
