// Unsafe: the wire's list of datagrams is a pointer into a value of the caller, lent for one call; OpenSSL wants an address that nobody reads.

internal import CSecureTransport

extension Connection {
    /// How long datagrams may be, and how long to wait for their answer at first.
    mutating func setUpDatagrams(longest: Int, firstWait: UInt64) {
        unsafe secure_set_mtu(ssl, min(max(longest, 256), 16_000))
        // OpenSSL takes less than 15 ms for nothing and would repeat at once, again and again.
        unsafe wire.pointee.first_timeout = UInt32(min(max(firstWait / 1000, 20_000), 60_000_000))
        unsafe secure_set_timer(ssl)
    }

    /// Lends buffers for what `use` does, and says where the datagrams lie that are to be sent.
    mutating func lend(
        _ input: RawSpan,
        _ output: inout MutableRawSpan,
        _ cuts: inout DatagramCuts,
        _ use: (borrowing Connection) -> Void
    ) {
        var lengths = cuts.lengths
        var span = lengths.mutableSpan
        unsafe span.withUnsafeMutableBufferPointer { lengths in
            unsafe wire.pointee.cuts = lengths.baseAddress
            unsafe wire.pointee.cut_room = lengths.count
            unsafe wire.pointee.cut_count = 0
            // OpenSSL's own mode for that leaves DTLS out: an idle session would keep 34 kB.
            if isOpen { unsafe SSL_alloc_buffers(ssl) }
            _ = lend(input, &output, use)
            if isOpen, !hasPending { unsafe SSL_free_buffers(ssl) }
            unsafe cuts.count = wire.pointee.cut_count
            unsafe wire.pointee.cuts = nil
            unsafe wire.pointee.cut_room = 0
        }
        cuts.lengths = lengths
    }

    /// Begins with a hello whose cookie was right.
    func takeProvenHello() -> Bool {
        guard let address = unsafe BIO_ADDR_new() else { return false }
        defer {
            unsafe BIO_ADDR_free(address)
            ERR_clear_error()
        }
        return unsafe DTLSv1_listen(ssl, address) == 1
    }

    /// How many nanoseconds until a flight is to be sent again; nil while none waits.
    var timeout: UInt64? {
        let wait = unsafe secure_timeout(ssl)
        return wait < 0 ? nil : UInt64(wait) &* 1000
    }

    /// Sends a flight again, if OpenSSL too finds that its time has come.
    func repeatFlight() -> SessionFailure? {
        defer { ERR_clear_error() }
        guard unsafe secure_handle_timeout(ssl) < 0 else { return nil }
        return SessionFailure(.library(ERR_peek_error()))
    }
}
