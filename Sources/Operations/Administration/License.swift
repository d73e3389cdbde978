public import Addresses
import Foundation
public import ServerSettings

/// What kind of licence a server has: the manual's "Licensing" (section 4.3).
public struct LicenseState: Codable, Hashable, Sendable {
    /// The kinds of licence.
    public enum Kind: String, Codable, Sendable {
        /// No vendor asks for a key: nothing is limited.
        case free
        /// A vendor's key for some days.
        case demonstration
        /// A vendor's key.
        case licensed
        /// A vendor asks for a key, and there is none that is right.
        case unlicensed
    }

    /// How many sources the statistics keep without a full licence (manual, section 5.2).
    private static let fewRows = 10

    /// The kind.
    public var kind: Kind
    /// The address that the key is for; nil without a right key.
    public var address: String?
    /// The last day on which the key is right, in UTC; nil without a key or an end.
    public var lastDay: String?
    /// What is wrong with the key; nil when nothing is.
    public var trouble: String?

    /// How many sources the statistics keep at most; nil for as many as the settings say.
    public var statisticsRows: Int? { kind == .free || kind == .licensed ? nil : Self.fewRows }

    /// One sentence.
    public var sentence: String {
        let end = lastDay.map { ", until \($0)" } ?? ""
        return switch kind {
        case .free: "free"
        case .demonstration, .licensed: "\(kind.rawValue), for \(address ?? "")\(end)"
        case .unlicensed: "unlicensed: \(trouble ?? "")"
        }
    }

    /// A server that nobody's key is asked for.
    public static let free = LicenseState(kind: .free, address: nil, lastDay: nil, trouble: nil)

    private init(kind: Kind, address: String?, lastDay: String?, trouble: String?) {
        self.kind = kind
        self.address = address
        self.lastDay = lastDay
        self.trouble = trouble
    }

    /// Checks the key in the settings.
    ///
    /// - `addresses`: those that this host has or is known by.
    /// - `now`: in Unix seconds.
    public init(_ settings: Settings, addresses: [IPAddress], now: Int64) {
        guard let vendor = settings.licenseVendorKey else {
            self = .free
            return
        }
        do throws(LicenseError) {
            guard let text = settings.licenseKey else { throw .missing }
            let key = try LicenseKey(text, vendor: vendor)
            try key.check(addresses: addresses, today: CalendarDay(unixSeconds: now))
            self.init(
                kind: key.isDemonstration ? .demonstration : .licensed,
                address: "\(key.address)",
                lastDay: key.last?.description,
                trouble: nil
            )
        } catch {
            self.init(kind: .unlicensed, address: nil, lastDay: nil, trouble: error.description)
        }
    }
}

/// Why a licence key is not right.
public enum LicenseError: Error, Hashable, CustomStringConvertible {
    /// There is none.
    case missing
    /// It has another form; it was cut when it was copied, say.
    case malformed
    /// It was changed, or signed by somebody else.
    case forged
    /// It is for this address.
    case otherAddress(String)
    /// It begins on this day.
    case tooEarly(String)
    /// It ended on this day.
    case ended(String)
    /// A demonstration that is longer than one may be.
    case tooLong
    /// The key that signs is none.
    case noSigner

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .missing: "no licence key is entered: ask the vendor for one for this address, and set license-key to it"
        case .malformed: "the licence key is not whole: copy all of it, from stund- to its last letter"
        case .forged:
            "the licence key was changed, or another vendor made it: copy it anew, or ask the vendor of license-vendor-key"
        case .otherAddress(let address):
            "the licence key is for \(address), which is no address of this server: ask for one for its address"
        case .tooEarly(let day): "the licence key is good from \(day) on: if that is today, set the clock right"
        case .ended(let day): "the licence key ended on \(day): ask the vendor for another one"
        case .tooLong: "a demonstration may last \(LicenseKey.demonstrationDays) days at most, and this key wants more"
        case .noSigner: "the vendor's private key is not 64 hexadecimal digits: `stund license key FILE` makes one"
        }
    }
}

/// A licence key such as `stund-dem-192.0.2.1-30-nov-2026-30-dec-2026-`, and a signature behind it.
public struct LicenseKey: Hashable, Sendable {
    /// How long a demonstration lasts.
    public static let demonstrationDays = 30
    /// What is signed begins with this, so that no other use of the vendor's key makes licences.
    private static let purpose = "stund licence key\n"
    /// 64 bytes as base64url without padding.
    private static let signatureLength = 86

    /// Whether it is for some days only.
    public let isDemonstration: Bool
    /// The address that it is for.
    public let address: IPAddress
    /// The first day.
    let first: CalendarDay
    /// The last day; nil for no end.
    let last: CalendarDay?

    private var payload: String {
        "stund-\(isDemonstration ? "dem" : "lic")-\(address)-\(first)-\(last?.description ?? "never")"
    }

    /// Reads a key and checks its signature.
    init(_ text: String, vendor: [UInt8]) throws(LicenseError) {
        let bytes = Array(text.utf8)
        guard bytes.count > Self.signatureLength + 1, bytes.count <= 512, text.hasPrefix("stund-"),
            bytes[bytes.count - Self.signatureLength - 1] == UInt8(ascii: "-"),
            let signature = Self.decoded(String(decoding: bytes.suffix(Self.signatureLength), as: UTF8.self))
        else { throw .malformed }
        let payload = String(decoding: bytes.dropLast(Self.signatureLength + 1), as: UTF8.self)
        guard LicenseSignature.isRight(signature, of: Array((Self.purpose + payload).utf8), by: vendor) else {
            throw .forged
        }
        let parts = payload.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 9 || parts.count == 7 && parts[6] == "never", ["dem", "lic"].contains(parts[1]),
            let address = IPAddress(parts[2]), let first = CalendarDay(parts[3...5])
        else { throw .malformed }
        isDemonstration = parts[1] == "dem"
        self.address = address
        self.first = first
        last = parts.count == 9 ? CalendarDay(parts[6...8]) : nil
        guard self.payload == payload else { throw .malformed }
    }

    func check(addresses: [IPAddress], today: CalendarDay) throws(LicenseError) {
        guard addresses.contains(address) else { throw .otherAddress("\(address)") }
        guard today.number >= first.number else { throw .tooEarly("\(first)") }
        if let last, today.number > last.number { throw .ended("\(last)") }
        if isDemonstration {
            guard let last, last.number - first.number <= Self.demonstrationDays else { throw .tooLong }
        }
    }

    /// Makes and signs a key.
    ///
    /// - `days`: how many after today are the last one; nil for no end.
    /// - `secret`: the vendor's private key.
    public static func issue(
        for address: IPAddress,
        isDemonstration: Bool,
        days: Int?,
        now: Int64,
        secret: [UInt8]
    ) throws(LicenseError) -> String {
        let today = CalendarDay(unixSeconds: now)
        let days = isDemonstration ? days ?? demonstrationDays : days
        guard !isDemonstration || (days ?? 0) <= demonstrationDays else { throw .tooLong }
        let last = days.map { CalendarDay(number: today.number + $0) }
        let payload = LicenseKey(isDemonstration: isDemonstration, address: address, first: today, last: last).payload
        guard secret.count == 32, let signature = LicenseSignature.sign(Array((purpose + payload).utf8), with: secret)
        else {
            throw .noSigner
        }
        let text = Data(signature).base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
        return payload + "-" + String(text.filter { $0 != "=" })
    }

    private init(isDemonstration: Bool, address: IPAddress, first: CalendarDay, last: CalendarDay?) {
        self.isDemonstration = isDemonstration
        self.address = address
        self.first = first
        self.last = last
    }

    private static func decoded(_ text: String) -> [UInt8]? {
        let standard = text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        return Data(base64Encoded: String(standard) + "==").map(Array.init)
    }

    /// A vendor's keys, as hexadecimal digits: the private one, and the public one for license-vendor-key.
    public static func newVendorKey() -> (secret: String, open: String)? {
        LicenseSignature.newKey().map { (hexadecimal($0.secret), hexadecimal($0.open)) }
    }

    /// A private key that `newVendorKey` made.
    public static func vendorKey(_ text: String) throws(LicenseError) -> (secret: [UInt8], open: String) {
        let digits = text.utf8.filter { !" \t\r\n".utf8.contains($0) }.map {
            Character(UnicodeScalar($0)).hexDigitValue
        }
        guard digits.count == 64, !digits.contains(nil) else { throw .noSigner }
        let secret = stride(from: 0, to: 64, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
        guard let open = LicenseSignature.publicKey(of: secret) else { throw .noSigner }
        return (secret, hexadecimal(open))
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// A day of the Gregorian calendar in UTC, such as `12-sep-2026`.
struct CalendarDay: Hashable, CustomStringConvertible {
    /// Days since 1 January 1970.
    let number: Int

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    init(number: Int) { self.number = number }

    init(unixSeconds: Int64) { number = Int(unixSeconds >= 0 ? unixSeconds / 86_400 : (unixSeconds - 86_399) / 86_400) }

    /// Reads day, month and year; nil for a day that is none.
    init?(_ parts: ArraySlice<String>) {
        let parts = Array(parts)
        guard parts.count == 3, let day = Int(parts[0]), (1...31).contains(day),
            let month = Self.months.firstIndex(of: parts[1]),
            let year = Int(parts[2]), (2000...9999).contains(year)
        else { return nil }
        // Years counted from 1 March end in the leap day; 719_468 days lie between 1 March of the year 0 and 1970.
        let fromMarch = (month + 10) % 12
        let years = fromMarch >= 10 ? year - 1 : year
        let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * fromMarch + 2) / 5 + day - 1 - 719_468
        number = days
        guard description == parts.joined(separator: "-") else { return nil }
    }

    var description: String {
        let days = max(0, number + 719_468)
        let (era, dayOfEra) = (days / 146_097, days % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * fromMarch + 2) / 5 + 1
        let month = fromMarch < 10 ? fromMarch + 2 : fromMarch - 10
        return "\(day)-\(Self.months[month])-\(era * 400 + yearOfEra + (month <= 1 ? 1 : 0))"
    }
}
