// Unsafe: an SSL object of OpenSSL and its wire are pointers, owned by this value; what it reads and writes are spans that are lent
// for one call, with their own lengths.

internal import CSecureTransport

/// What streams and datagrams have in common: one SSL object and the wire to the caller's buffers.
@safe
struct Connection: ~Copyable, @unchecked Sendable {
    enum Progress {
        /// So many bytes of plaintext, or the handshake's end.
        case done(Int)
        /// Nothing more to do before the other side says something.
        case waits
        /// The other side has said that it ends.
        case closed
        case failed(SessionFailure)
    }

    let ssl: OpaquePointer
    let wire: UnsafeMutablePointer<secure_wire>
    let isServer: Bool

    /// - `name`: which server a client wants; if its context verifies, it takes no other.
    init(_ context: TLSContext, isServer: Bool, name: String? = nil) throws(SessionFailure) {
        defer { ERR_clear_error() }
        guard let ssl = unsafe SSL_new(context.pointer) else { throw SessionFailure(.noMemory) }
        let wire = unsafe secure_wire_attach(ssl, context.transport == .datagram)
        let isNamed = unsafe Self.setName(name, of: ssl)
        guard let wire = unsafe wire, isNamed else {
            unsafe SSL_free(ssl)
            throw SessionFailure(isNamed ? .noMemory : .badName)
        }
        unsafe (self.ssl, self.wire, self.isServer) = (ssl, wire, isServer)
        if isServer { unsafe SSL_set_accept_state(ssl) } else { unsafe SSL_set_connect_state(ssl) }
    }

    deinit { unsafe SSL_free(ssl) }

    private static func setName(_ name: String?, of ssl: OpaquePointer) -> Bool {
        guard let name else { return true }
        // Addresses are no server names (RFC 6066 section 3), but a certificate may name them.
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 { return true }
        guard unsafe secure_set_name(ssl, name) == 1 else { return false }
        return unsafe SSL_set1_host(ssl, name) == 1
    }

    /// Whether the handshake is over.
    var isOpen: Bool { unsafe secure_is_handshake_done(ssl) }

    /// Whether the negotiated version is TLS 1.3; before that is decided, whether it could be.
    var mayBe13: Bool { unsafe SSL_version(ssl) == TLS1_3_VERSION }

    /// Whether OpenSSL has read something that nobody has taken.
    var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

    /// Lends buffers for what `use` does, and says how much of the input was read and how many bytes are to be sent.
    mutating func lend(
        _ input: RawSpan,
        _ output: inout MutableRawSpan,
        _ use: (borrowing Connection) -> Void
    ) -> (taken: Int, sending: Int) {
        ERR_clear_error()
        return unsafe input.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBytes { output in
                unsafe wire.pointee.input = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe wire.pointee.input_count = input.count
                unsafe wire.pointee.input_taken = 0
                unsafe wire.pointee.output = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe wire.pointee.output_room = output.count
                unsafe wire.pointee.output_count = 0
                unsafe secure_wire_flush(wire)
                use(self)
                unsafe wire.pointee.input = nil
                unsafe wire.pointee.output = nil
                defer {
                    unsafe wire.pointee.input_count = 0
                    unsafe wire.pointee.input_taken = 0
                    unsafe wire.pointee.output_room = 0
                    unsafe wire.pointee.output_count = 0
                }
                return unsafe (wire.pointee.input_taken, wire.pointee.output_count)
            }
        }
    }

    /// How many bytes fit into the lent output.
    var room: Int { unsafe wire.pointee.output_room &- wire.pointee.output_count }

    /// Whether bytes wait that did not fit into the output.
    var hasSpill: Bool { unsafe wire.pointee.spill_count > 0 }

    /// How much of the lent input was not read.
    var inputLeft: Int { unsafe wire.pointee.input_count &- wire.pointee.input_taken }

    /// Goes on with the handshake.
    func shakeHands() -> Progress {
        let result = unsafe SSL_do_handshake(ssl)
        return result == 1 ? .done(0) : explain(result)
    }

    /// Plaintext of at most one record, from `offset` on.
    func read(_ plaintext: inout MutableRawSpan, from offset: Int) -> Progress {
        unsafe plaintext.withUnsafeMutableBytes { plaintext in
            guard offset < plaintext.count else { return .waits }
            var count = 0
            let result = unsafe SSL_read_ex(
                ssl,
                plaintext.baseAddress?.advanced(by: offset),
                plaintext.count &- offset,
                &count
            )
            return result == 1 ? .done(count) : explain(result)
        }
    }

    /// One record of plaintext; the caller has seen that it fits.
    func write(_ plaintext: RawSpan) -> Progress {
        unsafe plaintext.withUnsafeBytes { plaintext in
            var count = 0
            let result = unsafe SSL_write_ex(ssl, plaintext.baseAddress, plaintext.count, &count)
            return result == 1 ? .done(count) : explain(result)
        }
    }

    /// Says that this side ends.
    func sayEnd() {
        // In the middle of a handshake there is nothing to end, which OpenSSL calls an error.
        if isOpen { unsafe SSL_shutdown(ssl) }
        ERR_clear_error()
    }

    private func explain(_ result: Int32) -> Progress {
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waits
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            let code = ERR_peek_error()
            ERR_clear_error()
            if unsafe wire.pointee.has_overflowed { return .failed(SessionFailure(.unreadOutput)) }
            // A DTLS record that is too short for its cipher is dropped without a word (RFC 6347 section 4.1.2.7).
            if code == 0, unsafe wire.pointee.has_datagrams { return .waits }
            if ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED {
                return .failed(SessionFailure(.certificate(unsafe SSL_get_verify_result(ssl))))
            }
            return .failed(SessionFailure(.library(code)))
        }
    }

    /// The protocol that both sides have chosen.
    var applicationProtocol: String? {
        var bytes: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &bytes, &count)
        guard count > 0 else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }

    /// The server that the client wants, or wanted.
    var serverName: String? {
        guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return nil }
        return unsafe String(cString: name)
    }

    /// Version and cipher, as OpenSSL names them: "TLSv1.3", "TLS_AES_128_GCM_SHA256".
    var parameters: (version: String, cipher: String) {
        let cipher = unsafe SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))
        return unsafe (String(cString: SSL_get_version(ssl)), cipher.map { unsafe String(cString: $0) } ?? "")
    }

    /// Whether the client came with a ticket and no new key was signed.
    var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }
}
