import Observability
import SecureTransport
import ServerSettings
import Synchronization

/// The certificate that TLS and DTLS are served with: read at the start, and again whenever its files change.
///
/// Sessions go on with the certificate that they began with.
final class CertificateStore: Sendable {
    typealias Tell = @Sendable (MessageCode, String) -> Void
    typealias Publish = @Sendable (SecureContexts?) -> Void

    /// What people are told.
    struct Report: Sendable {
        var file: String?
        var facts: CertificateFacts?
        /// What is wrong with the files, while the certificate that was read before is served.
        var fault: String?
        var loads = (taken: 0, refused: 0)
    }

    /// What a change of settings leads to.
    enum Change {
        /// The same files.
        case none
        /// Other files, which have been read; nil: no certificate any more.
        case use(CertificateFiles?, LoadedCertificate?)
    }

    private struct State {
        var watch: CertificateWatch
        var publish: Publish?
    }

    /// Held while files are read.
    private let state: Mutex<State>
    /// For those who only ask, and may not wait for a file system that does not answer.
    private let shown: Mutex<Report>
    private let tell: Tell
    private let task = PeriodicTask(every: 1)

    /// Reads the certificate that the settings name; `tell`: what is told of it from `start` on.
    init(_ settings: Settings, tell: @escaping Tell) throws(CertificateFault) {
        let watch = try CertificateWatch(CertificateFiles(settings))
        state = Mutex(State(watch: watch))
        shown = Mutex(Report(watch))
        self.tell = tell
    }

    /// Gives the certificate to `publish`, and each new one from now on.
    func start(now: Int64, publish: @escaping Publish) {
        change { state in
            state.publish = publish
            publish(state.watch.current?.contexts)
            return (state.watch.introduction().map { [$0] } ?? []) + state.watch.look(now: now)
        }
    }

    /// Looks at the files each second from now on.
    func watch(_ clock: @escaping @Sendable () -> Int64) {
        task.start { [weak self] in self?.look(now: clock()) }
    }

    /// Looks no more.
    func stop() { task.stop() }

    /// Looks at the files, at a time in seconds since 1970.
    ///
    /// - `isAsked`: a person waits for what comes of it.
    func look(now: Int64, isAsked: Bool = false) {
        change { $0.watch.look(now: now, isAsked: isAsked) }
    }

    /// Says from now on when it is the sandbox that keeps the server from a file.
    func hold(to plan: SandboxPlan) { state.withLock { $0.watch.plan = plan } }

    /// What these settings lead to; what other files have is read, and nothing changes yet.
    func prepare(_ settings: Settings) throws(CertificateFault) -> Change {
        let files = CertificateFiles(settings)
        let (known, plan) = state.withLock { ($0.watch.files, $0.watch.plan) }
        guard files != known else { return .none }
        return .use(
            files,
            try files.map { files throws(CertificateFault) in try LoadedCertificate(files, within: plan) }
        )
    }

    /// Does what `prepare` found.
    func adopt(_ change: Change, now: Int64) {
        switch change {
        case .none: look(now: now, isAsked: true)
        case .use(let files, let certificate):
            self.change { [$0.watch.use(files, certificate)] + $0.watch.look(now: now) }
        }
    }

    /// What there is to know now.
    var report: Report { shown.withLock { $0 } }

    private func change(_ work: (inout State) -> [CertificateNote]) {
        let notes = state.withLock { state in
            let before = state.watch.current?.contents
            let notes = work(&state)
            if state.watch.current?.contents != before { state.publish?(state.watch.current?.contexts) }
            let report = Report(state.watch)
            shown.withLock { $0 = report }
            return notes
        }
        for note in notes { tell(note.code, note.text) }
    }
}

extension CertificateStore.Report {
    fileprivate init(_ watch: CertificateWatch) {
        file = watch.files?.certificate
        facts = watch.current?.facts
        fault = watch.fault
        loads = watch.loads
    }
}
