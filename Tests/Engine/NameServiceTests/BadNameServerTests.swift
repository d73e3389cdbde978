import Addresses
import NameService
import TestNames
import Testing

@Suite("A name server that misbehaves costs nothing but the answer")
struct BadNameServerTests {
    /// Asks a fake name server for an IPv4 address.
    private func ask(
        _ server: FakeNameServer,
        timeout: Duration = .milliseconds(500)
    ) async throws(NameError) -> AddressAnswer {
        defer { server.stop() }
        return try await NameService(servers: [server.address], timeout: timeout).addresses(of: "a.test", family: .v4)
    }

    @Test("One that is silent: the question ends in time, and was asked twice")
    func silence() async throws {
        let server = try FakeNameServer { _ in nil }
        await #expect(throws: NameError.timedOut) { try await ask(server) }
        await server.question()
        await server.question()
    }

    @Test("One that answers garbage, with and without the number of the question, is not believed")
    func garbage() async throws {
        let noise = [UInt8](repeating: 0xA5, count: 64)
        let answers: [FakeNameServer.Answer] = [
            { _ in noise },
            { Array($0[..<2]) + noise },
            { Array($0[..<2]) },
            // A name that points to itself, more records than there are, lengths over the end.
            { Array($0[..<2]) + [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1] },
            { Array(FakeAnswer.addresses(20, $0).dropLast(9)) },
        ]
        for answer in answers {
            await #expect(throws: NameError.self) { try await ask(try FakeNameServer(answer: answer)) }
        }
    }

    @Test("An answer of 4,000 addresses, as many as one message holds, is cut")
    func thousands() async throws {
        let server = try FakeNameServer {
            FakeAnswer.cut($0)
        } answerByTCP: {
            FakeAnswer.addresses(4000, $0)
        }
        let found = try await ask(server, timeout: .seconds(20))
        #expect(found.records.count == NameService.mostRecords && found.isCut)
    }

    @Test("One that fails is told as such, one that refuses too")
    func codes() async throws {
        for (code, error) in [(2, .serverFailure), (4, .serverFailure), (5, .refused)] as [(UInt16, NameError)] {
            await #expect(throws: error) { try await ask(try FakeNameServer { FakeAnswer.code(code, $0) }) }
        }
    }

    @Test("The next name server is asked when the first one fails")
    func second() async throws {
        let first = try FakeNameServer { FakeAnswer.code(2, $0) }
        let second = try FakeNameServer { FakeAnswer.addresses(1, $0) }
        defer {
            first.stop()
            second.stop()
        }
        let names = NameService(servers: [first.address, second.address])
        let found = try await names.addresses(of: "a.test", family: .v4)
        #expect(found.records.map(\.address.description) == ["198.18.0.1"])
    }

    @Test("A question that is taken back ends at once")
    func cancelled() async throws {
        let server = try FakeNameServer { _ in nil }
        let names = NameService(servers: [server.address], timeout: .seconds(3000))
        let task = Task { await names.result(of: "a.test", .v4) }
        await server.question()
        task.cancel()
        #expect(await task.value == .failure(.cancelled))
        server.stop()
    }

    @Test(
        "Questions that wait for their turn and are taken back end at once, and are in nobody's way",
        .timeLimit(.minutes(1))
    )
    func cancelledInLine() async throws {
        let server = try FakeNameServer { $0[13] == UInt8(ascii: "b") ? FakeAnswer.addresses(1, $0) : nil }
        let names = NameService(servers: [server.address], timeout: .seconds(3000))
        let (refusals, refused) = AsyncStream<Void>.makeStream()
        let tasks = (0..<1200).map { _ in
            Task {
                let result = await names.result(of: "a.test", .v4)
                if result == .failure(.busy) { refused.yield() }
                return result
            }
        }
        // 64 are asked, 1,024 wait, and these are all the others.
        var left = 112
        for await _ in refusals {
            left -= 1
            if left == 0 { break }
        }
        for task in tasks { task.cancel() }
        var cancelled = 0
        for task in tasks { cancelled += await task.value == .failure(.cancelled) ? 1 : 0 }
        #expect(cancelled == 1088)
        #expect(try await names.addresses(of: "b.test", family: .v4).records.count == 1)
        names.stop()
        server.stop()
    }

    @Test("A name service that is stopped answers those who wait and those who come")
    func stopped() async throws {
        let server = try FakeNameServer { _ in nil }
        let names = NameService(servers: [server.address], timeout: .seconds(3000))
        let task = Task { await names.result(of: "a.test", .v4) }
        await server.question()
        names.stop()
        #expect(await task.value == .failure(.cancelled))
        #expect(await names.result(of: "a.test", .v4) == .failure(.cancelled))
        server.stop()
    }

    @Test("Thousands of questions to a silent name server: some wait, the rest is refused, all end")
    func flood() async throws {
        let server = try FakeNameServer { _ in nil }
        let names = NameService(servers: [server.address], timeout: .seconds(3000))
        let (busy, others) = await withTaskGroup(of: Result<AddressAnswer, NameError>.self) { group in
            for _ in 0..<1200 { group.addTask { await names.result(of: "a.test", .v4) } }
            var busy = 0
            // 64 are asked and 1,024 wait.
            while busy < 1200 - 1088, await group.next() == .failure(.busy) { busy += 1 }
            names.stop()
            var others = 0
            while let result = await group.next() { others += result == .failure(.cancelled) ? 1 : 0 }
            return (busy, others)
        }
        #expect(busy == 112 && others == 1088)
        server.stop()
    }
}

@Suite("Both families of a name, asked together")
struct BothFamiliesTests {
    private struct Fixed: NameResolving {
        let v4: Result<AddressAnswer, NameError>
        let v6: Result<AddressAnswer, NameError>

        func addresses(of name: String, family: IPAddress.Family) async throws(NameError) -> AddressAnswer {
            try (family == .v4 ? v4 : v6).get()
        }
    }

    @Test("The error that is told is the one worth a second try, else that the name is there")
    func errors() async {
        for (v4, v6, told) in [
            (.noData, .noSuchName, .noData), (.noSuchName, .noData, .noData), (.noSuchName, .noSuchName, .noSuchName),
            (.timedOut, .noData, .timedOut), (.noSuchName, .serverFailure, .serverFailure),
        ] as [(NameError, NameError, NameError)] {
            let names = Fixed(v4: .failure(v4), v6: .failure(v6))
            await #expect(throws: told) { try await names.addresses(of: "a.test") }
        }
    }
}
