import Addresses
import ServerSettings
import Testing

@testable import Administration

@Suite("Licence keys (manual, section 4.3)")
struct LicenseTests {
    /// 30 November 2026, noon.
    private static let now: Int64 = 1_796_040_000
    private static let day: Int64 = 86_400
    private let address = IPAddress(v4: 0xC000_0201)
    private let vendor = Result { try LicenseKey.vendorKey(String(repeating: "5f", count: 32)) }

    private func issue(
        isDemonstration: Bool = false,
        days: Int? = nil,
        for address: IPAddress = IPAddress(v4: 0xC000_0201)
    ) throws -> String {
        try LicenseKey.issue(
            for: address,
            isDemonstration: isDemonstration,
            days: days,
            now: Self.now,
            secret: try vendor.get().secret
        )
    }

    private func state(_ key: String?, at time: Int64 = now, vendor other: String? = nil) throws -> LicenseState {
        var flags = ["license-vendor-key": try other ?? vendor.get().open]
        flags["license-key"] = key
        let settings = try Settings.load(from: SettingsSources(file: "/nonexistent/stund.yaml", flags: flags)).settings
        return LicenseState(settings, addresses: [address], now: time)
    }

    @Test("Without a vendor's key the server is free, whatever stands in license-key")
    func free() throws {
        var settings = Settings()
        settings.licenseKey = "nonsense"
        #expect(LicenseState(settings, addresses: [], now: Self.now) == .free)
        #expect(LicenseState.free.statisticsRows == nil)
    }

    @Test("A full key is right for its address, without an end or until its last day")
    func licensed() throws {
        let forever = try state(try issue(), at: Self.now + 20_000 * Self.day)
        #expect(forever.kind == .licensed && forever.lastDay == nil && forever.statisticsRows == nil)
        #expect(forever.sentence == "licensed, for 192.0.2.1")
        let key = try issue(days: 10)
        #expect(try state(key, at: Self.now + 10 * Self.day).sentence == "licensed, for 192.0.2.1, until 10-dec-2026")
        let ended = try state(key, at: Self.now + 11 * Self.day)
        #expect(ended.kind == .unlicensed && ended.trouble?.contains("ended on 10-dec-2026") == true)
    }

    @Test("A demonstration ends after 30 days, has the date in its key, and keeps 10 rows of statistics")
    func demonstration() throws {
        let key = try issue(isDemonstration: true)
        #expect(key.hasPrefix("stund-dem-192.0.2.1-30-nov-2026-30-dec-2026-"))
        let state = try state(key, at: Self.now + 30 * Self.day)
        #expect(state.kind == .demonstration && state.statisticsRows == 10)
        #expect(try self.state(key, at: Self.now + 31 * Self.day).kind == .unlicensed)
        #expect(throws: LicenseError.tooLong) { try issue(isDemonstration: true, days: 31) }
    }

    @Test("A key of another address, of the future or of another vendor says which of these it is")
    func others() throws {
        let foreign = try issue(for: IPAddress(v4: 0xC000_0209))
        #expect(try state(foreign).trouble?.contains("is for 192.0.2.9, which is no address of this server") == true)
        #expect(try state(try issue(), at: Self.now - Self.day).trouble?.contains("good from 30-nov-2026 on") == true)
        let other = try LicenseKey.vendorKey(String(repeating: "6f", count: 32)).open
        #expect(try state(try issue(), vendor: other).trouble?.contains("another vendor made it") == true)
        #expect(try state(nil).trouble?.contains("no licence key is entered") == true)
        #expect(try state("").kind == .unlicensed)
    }

    @Test("A key that was cut, prolonged or changed in any letter is wrong")
    func changed() throws {
        let key = try issue(days: 10)
        for count in 0..<key.utf8.count {
            #expect(try state(String(key.prefix(count))).kind == .unlicensed, "\(count)")
        }
        for (from, to) in [
            ("10-dec-2026", "10-dec-2099"), ("192.0.2.1", "192.0.2.2"), ("lic", "dem"), ("stund-", "stund--"),
        ] {
            #expect(try state(key.replacing(from, with: to)).kind == .unlicensed, "\(from)")
        }
        var letters = Array(key)
        for index in letters.indices.dropLast() {
            let before = letters[index]
            letters[index] = before == "A" ? "B" : "A"
            #expect(try state(String(letters)).kind == .unlicensed, "\(index)")
            letters[index] = before
        }
        #expect(try state(key + "A").kind == .unlicensed)
        #expect(try state("snom-stund-dem-12-sep-2002-").trouble?.contains("is not whole") == true)
    }

    @Test("A text that the vendor signed for something else is no licence")
    func otherPurpose() throws {
        let payload = "stund-lic-192.0.2.1-30-nov-2026-never"
        let secret = try vendor.get().secret
        let signature = try #require(LicenseSignature.sign(Array(payload.utf8), with: secret))
        let open = try #require(LicenseSignature.publicKey(of: secret))
        #expect(LicenseSignature.isRight(signature, of: Array(payload.utf8), by: open))
        #expect(!LicenseSignature.isRight(signature, of: Array(("x" + payload).utf8), by: open))
    }

    @Test("The signatures are those of RFC 8032 section 7.1, test 1")
    func vectors() throws {
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        #expect(
            try LicenseKey.vendorKey(secret).open == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        )
        let signature = LicenseSignature.sign([], with: try LicenseKey.vendorKey(secret).secret)
        #expect(signature?.prefix(4) == [0xE5, 0x56, 0x43, 0x00])
        for text in ["", "9d", secret + "00", String(repeating: "g", count: 64)] {
            #expect(throws: LicenseError.noSigner) { try LicenseKey.vendorKey(text) }
        }
    }

    @Test("Days are counted by the calendar, leap days among them")
    func days() {
        for (text, number) in [
            ("1-jan-1970", nil), ("1-jan-2000", 10_957), ("29-feb-2024", 19_782), ("12-sep-2026", 20_708),
            ("31-feb-2026", nil), ("01-jan-2026", nil),
        ] as [(String, Int?)] {
            let parts = text.split(separator: "-").map(String.init)
            #expect(CalendarDay(parts[...])?.number == number, "\(text)")
        }
        for number in stride(from: 10_957, to: 60_000, by: 7) {
            let day = CalendarDay(number: number)
            #expect(CalendarDay(day.description.split(separator: "-").map(String.init)[...]) == day)
        }
    }
}
