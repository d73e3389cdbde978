import ArgumentParser
import Observability
import ServerSettings
import Testing

@testable import stund

@Suite("What commands tell of settings and messages")
struct DescribeCommandTests {
    @Test("a setting is told with its meaning, default, what is allowed, and when it is read")
    func setting() throws {
        let key = try #require(Settings.key(named: "log-level"))
        #expect(
            SettingDescription(key).text == """
                log-level
                  \(key.help)
                  Default: 5. Allowed: a whole number from 0 to 9.
                  Read: at start and on SIGHUP. Example: log-level: 8

                """
        )
        let empty = try #require(Settings.key(named: "tls-certificate"))
        #expect(SettingDescription(empty).text.contains("Default: nothing."))
    }

    @Test("a message is told with its level, meaning and remedy")
    func message() {
        let row = MessageCode.changeAddressImpossible.definition
        #expect(
            MessageDescription(.changeAddressImpossible).text == """
                1014 (level 6): \(row.text)
                  \(row.meaning)
                  -> \(row.remedy)

                """
        )
    }

    @Test(
        "a name or a number that nobody knows is refused as wrong data",
        arguments: [
            ("setting describe log-levl", "there is no setting \"log-levl\""),
            ("messages 999", "there is no message 999"),
        ]
    )
    func unknown(line: String, told: String) throws {
        var command = try Stund.parseAsRoot(line.split(separator: " ").map(String.init))
        let failure = try #require(throws: Failure.self) { try command.run() }
        #expect(failure.status == .dataError && "\(failure)".contains(told))
    }
}
