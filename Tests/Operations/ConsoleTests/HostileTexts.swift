/// Texts that strangers send to break a page, a log or a terminal (attacks row 26).
enum HostileTexts {
    static let all = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' OR 1=1; DROP TABLE user; --", "%s%n%x%d",
        "{{m}}{{{t}}}{{>layout}}", "a\u{0}b\r\nSet-Cookie: x=1", "\u{1B}[2J\u{1B}]0;owned\u{7}", "\u{202E}gnp.exe",
        "=cmd|' /C calc'!A0", "javascript:alert(1)", "</textarea></pre></svg>", "&lt;b&gt;&amp;",
        String(repeating: "x", count: 65536),
    ]

    /// Pieces that would be markup if a text had not been escaped.
    static let markup = ["<script>alert", "<img src=x", "</textarea></pre>"]
}
