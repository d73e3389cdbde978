// Unsafe: c-ares is a C library that calls back with a pointer and hands out linked lists.

import Addresses
import CCares
import Glibc

/// One question to the name servers, by a c-ares channel of its own, so that it can end by itself at any time.
///
/// One thread owns it.
@safe
final class CaresChannel {
    /// What c-ares says to its callback, which may come at once.
    private final class Box {
        var result: Result<Answer, NameError>?
    }

    private let channel: ares_channel
    private let box = Box()

    /// c-ares wants to be told once that it is used.
    private static let status = ares_library_init(CInt(STUND_ARES_INIT))

    /// Asks.
    ///
    /// - `takesRefusals`: whether the first name server's failure or refusal is the answer. Otherwise the next one is asked,
    ///   but after the last one c-ares does not tell what it was (`noServer`).
    init(_ question: Question, _ options: NameService.Options, takesRefusals: Bool = false) throws(NameError) {
        guard Self.status == CInt(STUND_ARES_SUCCESS) else { throw Self.error(Self.status) }
        unsafe channel = try Self.open(options, takesRefusals: takesRefusals)
        begin(question)
    }

    /// Ends the question, if it is still open.
    deinit { unsafe ares_destroy(channel) }

    /// What came back; nil while nothing has.
    var result: Result<Answer, NameError>? { box.result }

    /// The sockets to wait for, with the events of poll.
    var sockets: [pollfd] {
        var sockets = [ares_socket_t](repeating: -1, count: Int(STUND_ARES_SOCKETS))
        let bits = unsafe stund_ares_sockets(channel, &sockets, CInt(sockets.count))
        return sockets.indices.compactMap { index in
            var events = CShort(0)
            if stund_ares_readable(bits, CInt(index)) != 0 { events |= CShort(POLLIN) }
            if stund_ares_writable(bits, CInt(index)) != 0 { events |= CShort(POLLOUT) }
            return events == 0 ? nil : pollfd(fd: sockets[index], events: events, revents: 0)
        }
    }

    /// How many milliseconds to wait for the sockets, at most `limit`.
    func wait(atMost limit: Int) -> Int { Int(unsafe stund_ares_wait(channel, CInt(clamping: max(0, limit)))) }

    /// Reads and writes what is ready.
    func process(_ socket: pollfd) {
        let isReadable = socket.revents & ~CShort(POLLOUT) != 0
        let isWritable = socket.revents & CShort(POLLOUT) != 0
        unsafe stund_ares_process(channel, isReadable ? socket.fd : -1, isWritable ? socket.fd : -1)
    }

    /// Asks again where an answer is overdue.
    func processTimeouts() { unsafe stund_ares_process(channel, -1, -1) }

    private static func open(
        _ options: NameService.Options,
        takesRefusals: Bool
    ) throws(NameError) -> ares_channel {
        var settings = unsafe ares_options()
        // The first wait, then the double: both and a little fit into the time that a question has.
        unsafe settings.timeout = CInt(clamping: max(1, options.milliseconds * 3 / 10))
        unsafe settings.tries = 2
        unsafe settings.flags = takesRefusals ? CInt(STUND_ARES_NO_CHECK) : 0
        var mask = CInt(STUND_ARES_OPTIONS)
        var channel: ares_channel?
        // "b": only the name servers; else /etc/hosts too, as /etc/nsswitch.conf says.
        let status = unsafe "b".withCString { lookups in
            if !options.readsHostsFile {
                unsafe settings.lookups = UnsafeMutablePointer(mutating: lookups)
                mask |= CInt(STUND_ARES_OPTION_LOOKUPS)
            }
            return unsafe ares_init_options(&channel, &settings, mask)
        }
        guard status == CInt(STUND_ARES_SUCCESS), let channel = unsafe channel else { throw error(status) }
        guard !options.servers.isEmpty else { return unsafe channel }
        let servers = options.servers.map(\.description).joined(separator: ",")
        let taken = unsafe stund_ares_use_servers(channel, servers)
        guard taken == CInt(STUND_ARES_SUCCESS) else {
            unsafe ares_destroy(channel)
            throw error(taken)
        }
        return unsafe channel
    }

    private func begin(_ question: Question) {
        // The box lives as long as this object, whose end ends the channel and with it every callback.
        let context = unsafe Unmanaged.passUnretained(box).toOpaque()
        switch question {
        case .addresses(let name, let family):
            var hints = ares_addrinfo_hints()
            hints.ai_family = family == .v4 ? AF_INET : AF_INET6
            hints.ai_flags = CInt(STUND_ARES_NO_SORT)
            unsafe ares_getaddrinfo(
                channel,
                name,
                nil,
                &hints,
                { context, status, _, list in
                    unsafe CaresChannel.box(context)?.result = CaresChannel.addresses(status, list)
                    if let list = unsafe list { unsafe ares_freeaddrinfo(list) }
                },
                context
            )
        case .services(let name):
            unsafe stund_ares_query(
                channel,
                name,
                CInt(STUND_ARES_SRV),
                { context, status, _, answer, length in
                    unsafe CaresChannel.box(context)?.result = CaresChannel.services(status, answer, length)
                },
                context
            )
        case .namingAuthority(let name):
            unsafe stund_ares_query(
                channel,
                name,
                CInt(STUND_ARES_NAPTR),
                { context, status, _, answer, length in
                    unsafe CaresChannel.box(context)?.result = CaresChannel.namingAuthority(status, answer, length)
                },
                context
            )
        }
    }

    private static func box(_ context: UnsafeMutableRawPointer?) -> Box? {
        unsafe context.map { unsafe Unmanaged<Box>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func addresses(
        _ status: CInt,
        _ list: UnsafeMutablePointer<ares_addrinfo>?
    ) -> Result<Answer, NameError> {
        guard status == CInt(STUND_ARES_SUCCESS) else { return .failure(error(status)) }
        guard let list = unsafe list else { return .failure(.noData) }
        var found = AddressAnswer([])
        unsafe found.isAlias = list.pointee.cnames != nil
        var next = unsafe list.pointee.nodes
        while let node = unsafe next {
            guard found.records.count < NameService.mostRecords else {
                found.isCut = true
                break
            }
            if let address = unsafe address(of: node) {
                found.records.append(AddressRecord(address, ttl: max(0, Int(unsafe node.pointee.ai_ttl))))
            }
            unsafe next = node.pointee.ai_next
        }
        return found.records.isEmpty ? .failure(.noData) : .success(.addresses(found))
    }

    private static func address(of node: UnsafeMutablePointer<ares_addrinfo_node>) -> IPAddress? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe stund_ares_address(node, &bytes)
        let number = { (range: Range<Int>) in bytes[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        switch count {
        case 4: return IPAddress(v4: UInt32(truncatingIfNeeded: number(0..<4)))
        case 16: return IPAddress(v6High: number(0..<8), low: number(8..<16))
        default: return nil
        }
    }

    private static func services(
        _ status: CInt,
        _ answer: UnsafeMutablePointer<UInt8>?,
        _ length: CInt
    ) -> Result<Answer, NameError> {
        guard status == CInt(STUND_ARES_SUCCESS) else { return .failure(error(status)) }
        var first: UnsafeMutablePointer<ares_srv_reply>?
        let read = unsafe stund_ares_srv(answer, length, &first)
        defer { if let first = unsafe first { unsafe ares_free_data(first) } }
        guard read == CInt(STUND_ARES_SUCCESS) else { return .failure(error(read)) }
        var records: [ServiceRecord] = []
        var next = unsafe first
        while let record = unsafe next, records.count < NameService.mostRecords {
            records.append(
                unsafe ServiceRecord(
                    priority: record.pointee.priority,
                    weight: record.pointee.weight,
                    port: record.pointee.port,
                    target: String(cString: record.pointee.host)
                )
            )
            unsafe next = record.pointee.next
        }
        return records.isEmpty ? .failure(.noData) : .success(.services(records))
    }

    private static func namingAuthority(
        _ status: CInt,
        _ answer: UnsafeMutablePointer<UInt8>?,
        _ length: CInt
    ) -> Result<Answer, NameError> {
        guard status == CInt(STUND_ARES_SUCCESS) else { return .failure(error(status)) }
        var first: UnsafeMutablePointer<ares_naptr_reply>?
        let read = unsafe stund_ares_naptr(answer, length, &first)
        defer { if let first = unsafe first { unsafe ares_free_data(first) } }
        guard read == CInt(STUND_ARES_SUCCESS) else { return .failure(error(read)) }
        var records: [NamingAuthorityRecord] = []
        var next = unsafe first
        while let record = unsafe next, records.count < NameService.mostRecords {
            records.append(
                unsafe NamingAuthorityRecord(
                    order: record.pointee.order,
                    preference: record.pointee.preference,
                    flags: String(cString: record.pointee.flags),
                    service: String(cString: record.pointee.service),
                    expression: String(cString: record.pointee.regexp),
                    replacement: String(cString: record.pointee.replacement)
                )
            )
            unsafe next = record.pointee.next
        }
        return records.isEmpty ? .failure(.noData) : .success(.namingAuthority(records))
    }

    private static func error(_ status: CInt) -> NameError {
        switch Int(status) {
        case STUND_ARES_ENODATA: .noData
        case STUND_ARES_ENOTFOUND, STUND_ARES_ENONAME: .noSuchName
        case STUND_ARES_ESERVFAIL, STUND_ARES_ENOTIMP, STUND_ARES_EFORMERR: .serverFailure
        case STUND_ARES_EREFUSED: .refused
        case STUND_ARES_ETIMEOUT: .timedOut
        case STUND_ARES_ECONNREFUSED: .noServer
        case STUND_ARES_EBADRESP: .badAnswer
        case STUND_ARES_EBADNAME, STUND_ARES_EBADQUERY: .badName
        case STUND_ARES_EDESTRUCTION, STUND_ARES_ECANCELLED: .cancelled
        default: .system(unsafe String(cString: ares_strerror(status)))
        }
    }
}
