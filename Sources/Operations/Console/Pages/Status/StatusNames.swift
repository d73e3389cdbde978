/// The words for what the server names in reports; a name without a word is shown as it is.
enum StatusNames {
    /// A kind of NAT, or several with commas between them.
    static func nat(_ name: String, _ texts: Texts, isShort: Bool = false) -> String {
        let group = isShort ? "nat_short" : "nat"
        return name.split(separator: ",").prefix(4).map { word(group, String($0).trimmed, texts) }
            .joined(separator: ", ")
    }

    /// A dialect of STUN.
    static func dialect(_ name: String, _ texts: Texts) -> String { word("dialect", name, texts) }

    /// A reason for dropping a datagram.
    static func drop(_ name: String, _ texts: Texts) -> String { word("drop", name, texts) }

    private static func word(_ group: String, _ name: String, _ texts: Texts) -> String {
        texts["status_\(group)_\(name.replacing("-", with: "_"))"] ?? ShownText(name, most: 40).text
    }
}

/// Addresses of the API that give what a page shows.
enum APIAddress {
    /// `path("log.txt", [("level", "5")])` is `/api/v1/log.txt?level=5`.
    static func path(_ name: String, _ query: [(String, String)] = []) -> String {
        let fields = query.filter { !$0.1.isEmpty }.map { "\($0.0)=\(Fields.encoded($0.1))" }
        return "/api/v1/\(name)" + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }
}
