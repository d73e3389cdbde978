import Foundation
import FuzzTargets
import Testing

@Suite("Every input that fuzzing ever kept: Corpus and FailCases")
struct ReplayTests {
    @Test("no promise is broken by any file", arguments: FuzzTarget.all.map(\.name))
    func replay(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let corpus = try files(in: "Corpus/\(name)")
        #expect(corpus.count > 10, "the corpus of \(name) is missing")
        for file in try corpus + files(in: "FailCases/\(name)") {
            let bytes = try [UInt8](Data(contentsOf: file))
            do { try target.run(bytes) } catch { Issue.record("\(file.path): \(error)") }
        }
    }

    @Test("the same relay script leaves the same trace, and another one another")
    func determinism() throws {
        var traces: Set<UInt64> = []
        let corpus = try files(in: "Corpus/relay")
        for file in corpus {
            let bytes = try [UInt8](Data(contentsOf: file))
            let trace = try relayTrace(bytes)
            #expect(try relayTrace(bytes) == trace, "\(file.lastPathComponent)")
            traces.insert(trace)
        }
        #expect(traces.count > corpus.count / 2)
    }

    @Test(
        "thousands of random inputs break no promise either",
        arguments: zip(FuzzTarget.all.map(\.name), FuzzTarget.all.map { $0.name == "relay" ? 2_000 : 20_000 })
    )
    func random(name: String, count: Int) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<count {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in UInt8.random(in: 0...255) }
            do { try target.run(bytes) } catch { Issue.record("\(error) by \(bytes)") }
        }
    }

    /// The files of a folder of this package, without the notes about them.
    private func files(in folder: String) throws -> [URL] {
        let package = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try FileManager.default
            .contentsOfDirectory(at: package.appending(path: folder), includingPropertiesForKeys: nil)
            .filter { $0.pathExtension != "md" && !$0.lastPathComponent.hasPrefix(".") }
            .sorted { $0.path < $1.path }
    }
}
