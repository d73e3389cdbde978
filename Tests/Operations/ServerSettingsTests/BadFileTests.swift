import Foundation
import ServerSettings
import Testing

@Suite("Settings files that are refused")
struct BadFileTests {
    static let texts: [(content: String, complaint: String)] = [
        ("# x\n\nstun-prot-1: 1\n", #"stund.yaml:3: unknown setting "stun-prot-1" (did you mean "stun-port-1"?)"#),
        ("port: 3478\n", #"stund.yaml:1: unknown setting "port" (did you mean "stun-port-1"?)"#),
        ("Log_Level: 1\n", #"stund.yaml:1: unknown setting "Log_Level" (did you mean "log-level"?)"#),
        ("listening-ip: 1\n", #"stund.yaml:1: unknown setting "listening-ip""#),
        ("\"\\e[31m\\n\": 1\n", #"stund.yaml:1: unknown setting "\u{1B}[31m\n""#),
        ("<<: 1\n", #"stund.yaml:1: unknown setting "<<""#),
        (
            "log-level: 1\nhttp-port: 81\n'log-level': 2\n",
            "stund.yaml:3: log-level: is set more than once (lines 1, 3): keep one line"
        ),
        (
            "log-level: 05\n",
            "stund.yaml:1: log-level: \"05\" has a leading zero, which some readers take for octal; "
                + "allowed: a whole number from 0 to 9"
        ),
        (
            "stun-port-1: 3478.0\n",
            "stund.yaml:1: stun-port-1: \"3478.0\" is not a whole number in decimal digits; "
                + "allowed: a whole number from 1 to 65535"
        ),
        (
            "http-password-hash: se cret\n",
            "stund.yaml:1: http-password-hash: the value has a space in it; "
                + "allowed: a scrypt hash of a password, as `stund password` makes it"
        ),
        (
            "log-level: 1\n\thttp-port: 2\n",
            "stund.yaml:2: is not valid YAML: found a tab character that violates indentation"
        ),
        ("log-level: 1\nhttp-user: \"abc\n", "stund.yaml:3: is not valid YAML: found unexpected end of stream"),
        ("log-level: a: b\n", "stund.yaml:1: is not valid YAML: mapping values are not allowed in this context"),
        ("log-level: 1\nnonsense\n", "stund.yaml:3: is not valid YAML: could not find expected ':'"),
        (
            "http-user: a\n# b\n  c\n", "stund.yaml:3: is not valid YAML: did not find expected key"
        ),
        (
            "log-level 1\n",
            "stund.yaml:1: the settings must be lines of the form key: value, with a space after the colon"
        ),
        (
            "log-level:1\n",
            "stund.yaml:1: the settings must be lines of the form key: value, with a space after the colon"
        ),
        (
            "STUN port 1 = 5062\nHTTP port = 5070\n",
            "stund.yaml:1: the settings must be lines of the form key: value, with a space after the colon; "
                + "if this is the stund.txt of 2002 or coturn's turnserver.conf, `stund import` makes a settings file of it"
        ),
        ("\n- a\n", "stund.yaml:2: the settings must be lines of the form key: value, with a space after the colon"),
        ("? [a]\n: 1\n", "stund.yaml:1: the name of a setting must be a plain word"),
        (
            "log-level: 1\n---\nlog-level: 2\n",
            "stund.yaml:2: must be one YAML document without references: but found another document"
        ),
        ("http-port: *x\n", "stund.yaml:1: must be one YAML document without references: found undefined alias"),
        (
            "http-port: &p 81\n",
            "stund.yaml:1: http-port: anchors, aliases and tags (&, *, !) are not used here"
        ),
        ("log-rows: !!int 81\n", "stund.yaml:1: log-rows: anchors, aliases and tags (&, *, !) are not used here"),
        ("address: [!!str 192.0.2.1]\n", "stund.yaml:1: address: an item of the list is no plain value"),
        (
            "&a log-rows: 1\n",
            "stund.yaml:1: the settings must be lines of the form key: value, with a space after the colon"
        ),
        ("log-level: 1\n&a log-rows: 1\n", "stund.yaml:2: the name of a setting must be a plain word"),
        (
            "address: ::\n",
            "stund.yaml:1: is not valid YAML: mapping values are not allowed in this context; "
                + "put a value that begins with [ or ends with : in quotes"
        ),
        (
            "# x\nother-stun-servers: [2001:db8::1]:3478\n",
            "stund.yaml:2: is not valid YAML: did not find expected key; "
                + "put a value that begins with [ or ends with : in quotes"
        ),
        ("log-rows: 1\nlog-file: \u{0}\n", "stund.yaml:2: has a control character in it"),
        (
            "log-rows: 1\u{2028}log-level: 11\n",
            #"stund.yaml:2: log-level: "11" is too high; allowed: a whole number from 0 to 9"#
        ),
        (
            "address: 192.0.2.1 nowhere\n",
            "stund.yaml:1: address: \"nowhere\" is not an IP address (names are not looked up here); "
                + "allowed: IP addresses, at most one IPv4 and one IPv6, separated by spaces"
        ),
    ]

    @Test("Faults are told with line, key and what to do", arguments: 0..<texts.count)
    func faults(_ index: Int) throws {
        let complaint = try load(Self.texts[index].content).complaint
        #expect(complaint == Self.texts[index].complaint)
    }

    @Test("All faults are told at once, up to a limit")
    func severalFaults() throws {
        let error = try #require(
            try load("log-level: 10\nhttp-prot: 1\nlog-rows: 0\n", environment: ["STUND_X": "1"]).error
        )
        #expect(error.problems.map(\.key) == ["log-level", "http-prot", "log-rows", "STUND_X"])
        #expect(error.problems.map(\.suggestion) == [nil, "http-port", nil, nil])
        let many = (0..<3000).map { "key-\($0): 1\n" }.joined()
        let flood = try #require(try load(many).error)
        #expect(flood.problems.count == SettingsError.limit && flood.omitted == 3000 - SettingsError.limit)
        #expect(flood.description.hasSuffix("\nand 2980 more"))
    }

    @Test("Bytes that are no UTF-8 are refused with their line")
    func invalidUTF8() throws {
        let bytes = Data("log-level: 1\nhttp-user: ".utf8) + [0xE4, 0x0A]
        #expect(
            try load(bytes).complaint == "stund.yaml:2: is not valid UTF-8: save the file in this encoding"
        )
    }

    @Test("A folder, an unreadable path, a pipe and a file over 1 MiB are refused")
    func noFiles() throws {
        let folder = try TemporaryFolder()
        #expect(load(path: folder.path).complaint.hasSuffix("is a folder: name the settings file in it"))
        let loop = folder.path + "/loop.yaml"
        try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
        #expect(load(path: loop).complaint.hasPrefix("loop.yaml: cannot be read: "))
        let pipe = try folder.pipe("pipe.yaml")
        #expect(load(path: pipe).complaint == "pipe.yaml: is not a regular file")
        #expect(load(path: "/dev/null").settings == Settings())
        #expect(load(path: "/dev/zero").complaint.hasSuffix("is larger than 1 MiB: this is no settings file"))
        let padding = String(repeating: "#", count: 1 << 20)
        #expect(try load(padding).settings == Settings())
        #expect(try load(padding + "#").complaint == "stund.yaml: is larger than 1 MiB: this is no settings file")
    }

    @Test("Aliases that would unfold to billions of nodes, deep nesting and 20,000 keys are refused at once")
    func bombs() throws {
        var bomb = "a0: &a0 [x,x]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1),*a\(level - 1)]\n" }
        let unfolding = try load(bomb + "? *a40\n: 1\n").complaint
        #expect(unfolding == "stund.yaml: has too many words that begin with *: YAML aliases are not used here")
        let pairs = (0..<10_000).map { "k\($0): 1\n" }.joined()
        #expect(try load(pairs + pairs).error?.problems.count == SettingsError.limit)
        for text in ["[", "{a: ", "- ", "? "] {
            let deep = try load(String(repeating: text, count: (1 << 20) / text.utf8.count)).complaint
            #expect(deep.hasPrefix("stund.yaml"))
        }
    }
}
