import Mustache

/// Text as HTML shows it.
enum HTMLText {
    /// `text` as text between tags or as the value of an attribute.
    ///
    /// By Unicode scalars: a quote that a combining mark follows is one `Character` with it, which is no quote to Swift
    /// but ends an attribute in a browser.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// `template` with `escaped` for `{{x}}`: Mustache's own escaping goes by `Character`.
    static func template(_ template: String) -> String {
        MustacheContentTypes.register(ByScalars(), named: "SCALARS")
        return "{{% CONTENT_TYPE: SCALARS}}" + template
    }

    private struct ByScalars: MustacheContentType {
        func escapeText(_ text: String) -> String { escaped(text) }
    }
}
