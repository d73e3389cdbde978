import Addresses
import Administration
import ArgumentParser
import Foundation
import Glibc
import ServerRuntime
import ServerSettings

/// `stund license`: a vendor's keys, and what the key in the settings is worth.
struct LicenseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "license",
        abstract: "Show the licence; for vendors: make a signing key, and issue licence keys.",
        subcommands: [Show.self, Key.self, Issue.self],
        defaultSubcommand: Show.self
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show what the key in the settings is worth on this host; ends with 1 when it is not right."
        )

        @OptionGroup var file: FileOption

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let state = LiveServer.license(try StorePlace(file).settings().settings)
            print(
                json ? try jsonText(state) : TerminalText.oneLine("licence: \(state.sentence)") + "\n",
                terminator: ""
            )
            if state.trouble != nil { throw ExitCode(ExitStatus.difference.rawValue) }
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "key",
            abstract: "Make a vendor's private key in a new file, and print the public one for license-vendor-key."
        )

        @Argument(help: "The new file, which only its owner can read.")
        var path: String

        func run() async throws {
            guard let key = LicenseKey.newVendorKey() else {
                throw Failure(.osError, "the system has no randomness now")
            }
            // From its first moment only its owner can read it.
            umask(0o077)
            let data = Data((key.secret + "\n").utf8)
            let made = (try? data.write(to: URL(fileURLWithPath: path), options: .withoutOverwriting)) != nil
            guard made else {
                throw Failure(
                    .cantCreate,
                    "\(TerminalText.visible(path)) is there already or cannot be made: nothing is changed"
                )
            }
            print(
                "The private key is in \(TerminalText.visible(path)): whoever has it can issue licences. For the settings you ship:"
            )
            print("license-vendor-key: \(key.open)")
        }
    }

    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "issue",
            abstract: "Issue a licence key for one address.",
            discussion:
                "A full licence has no end unless --days gives one; a demonstration ends after 30 days or fewer."
        )

        @Argument(help: "The file with the vendor's private key.")
        var path: String

        @Option(help: ArgumentHelp("The IP address of the server.", valueName: "IP address"))
        var address: String

        @Option(help: "After how many days it ends.")
        var days: Int?

        @Flag(help: "A demonstration, with 10 rows of statistics.")
        var demonstration = false

        func validate() throws {
            guard IPAddress(address)?.isUnspecified == false else {
                throw ValidationError("--address takes an IP address.")
            }
            guard days.map((1...36_500).contains) != false else {
                throw ValidationError("--days takes a number from 1 to 36500.")
            }
        }

        func run() async throws {
            guard let address = IPAddress(address) else { return }
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw Failure(.noInput, "\(TerminalText.visible(path)) is not there or cannot be read")
            }
            do throws(LicenseError) {
                let vendor = try LicenseKey.vendorKey(String(decoding: bytes.prefix(1024), as: UTF8.self))
                print(
                    try LicenseKey.issue(
                        for: address,
                        isDemonstration: demonstration,
                        days: days,
                        now: StorePlace.now,
                        secret: vendor.secret
                    )
                )
            } catch {
                throw Failure(.dataError, error.description)
            }
        }
    }
}
