import Foundation
import Observability
import Testing

@Suite("Message codes (manual, appendix B)")
struct MessageCodeTests {
    @Test("every number of the manual is kept, and new ones begin at 1100")
    func numbers() {
        let numbers = MessageCode.allCases.map(\.rawValue)
        #expect(numbers.filter { $0 < 1100 } == Array(1001...1034))
        #expect(numbers.filter { $0 >= 1100 }.count == numbers.count - 34)
    }

    @Test("every code has a row that belongs to it", arguments: MessageCode.allCases)
    func rows(code: MessageCode) {
        #expect(code.definition.code == code)
        #expect(!code.definition.text.isEmpty && !code.definition.remedy.isEmpty)
        #expect(code.definition.meaning.hasSuffix(".") && code.definition.linesPerSecond > 0)
    }

    @Test("start and settings show at the default level, received messages only from 8 on")
    func levels() {
        for code in [MessageCode.messageReceived, .responseSent, .responseSentFromOtherPort] {
            #expect(code.definition.level.rawValue == 8)
        }
        for code in [MessageCode.started, .settingsRead] {
            #expect((3...5).contains(code.definition.level.rawValue))
        }
        for code in [MessageCode.primaryPortNotOpened, .secondaryPortNotOpened, .socketFailed] {
            #expect((0...1).contains(code.definition.level.rawValue))
        }
    }

    @Test("docs/messages.md shows the table as it is")
    func documentation() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let text = try String(contentsOf: root.appending(path: "docs/messages.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| 1") && $0.split(separator: "|")[0].count == 6 }
        let expected = MessageCode.allCases.map { code in
            let row = code.definition
            return "| \(code.rawValue) | \(row.level.rawValue) | \(row.text) | \(row.meaning) | \(row.remedy) |"
        }
        #expect(rows.map(String.init) == expected)
        for level in LogLevel.allCases {
            #expect(text.contains("| \(level.rawValue) | \(level.name) | \(level.syslogSeverity) "))
        }
    }
}

@Suite("Log levels (manual, section 4.1)")
struct LogLevelTests {
    @Test("there are ten levels, and 0 is the most urgent")
    func order() {
        #expect(LogLevel.allCases.map(\.rawValue) == Array(0...9))
        #expect(LogLevel.alert < LogLevel.trace)
    }

    @Test("syslog severities follow the levels and never reach emergency")
    func severities() {
        let severities = LogLevel.allCases.map(\.syslogSeverity)
        #expect(severities == severities.sorted())
        #expect(severities.first == 1 && severities.last == 7)
    }

    @Test("an entry is kept when its level is at most the current level")
    func levelSwitch() {
        let levelSwitch = LogLevelSwitch()
        #expect(levelSwitch.level == .notice)
        for current in LogLevel.allCases {
            levelSwitch.level = current
            for level in LogLevel.allCases {
                #expect(levelSwitch.isEnabled(level) == (level.rawValue <= current.rawValue))
            }
        }
    }
}
