import HTTPTypes
import Hummingbird
import NIOCore

/// Style sheet, scripts and icon, served from the program.
enum Assets {
    private static let types = ["css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"]

    /// The path of a file, which changes with its content: browsers may keep it for ever.
    static func path(_ file: String) -> String { "/assets/\(versions[file] ?? "0")/\(file)" }

    /// The file with this name; nil when there is none.
    static func response(_ file: String) -> Response? {
        guard let type = file.split(separator: ".").last.flatMap({ types[String($0)] }),
            let text = files[file]
        else { return nil }
        return Response(
            status: .ok,
            headers: [
                .contentType: "\(type); charset=utf-8", .cacheControl: "public, max-age=31536000, immutable",
            ],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// What is served: the files without indentation, lines of comment and needless line ends.
    static let files: [String: String] = EmbeddedTexts.files.reduce(into: [:]) { result, file in
        guard let ending = file.key.split(separator: ".").last, types[String(ending)] != nil else { return }
        guard ending == "js" else {
            result[file.key] = file.value
            return
        }
        let lines = file.value.split(separator: "\n").map { $0.drop { $0 == " " } }
        result[file.key] = lines.filter { !$0.hasPrefix("//") }.reduce(into: "") { text, line in
            // After these a line end is a space like any other; elsewhere it may end a statement.
            text += line + (line.last.map("{(,;".contains) == true ? "" : "\n")
        }
    }

    /// FNV-1a of each file: it need only differ when the file does.
    private static let versions = files.mapValues { text in
        String(text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }, radix: 16)
    }
}
