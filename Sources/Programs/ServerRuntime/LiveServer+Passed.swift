import Administration
import Observability
import PacketEngine
import ServerSettings
import Synchronization

extension LiveServer {
    /// The sockets that were passed for the console at an address, for who closes them.
    public func passedToConsole(_ host: String, port: UInt16) -> [Int32] { passed.console(host, port: port) }

    /// The console goes elsewhere, or back.
    public func consoleLeaves() { passed.leaveConsole() }

    /// The web console is there now, or nowhere.
    public func consoleMoved(to url: String?) {
        consoleURL.withLock { $0 = url }
        for warning in passed.leftByConsole { tell(.startWarning, warning) }
    }

    /// What is wrong with the sockets that were passed.
    var passedWarnings: [String] { unusedSockets.withLock { $0 } + passed.leftByConsole }

    /// Closes the passed sockets that nobody has taken, and tells what became of all of them; when everybody has their ports.
    public func closeUnusedSockets() {
        guard !passed.isEmpty else { return }
        let taken = passed.taken
        let own = listening.filter { text in !taken.contains { text == $0.text || text.hasPrefix($0.text + " ") } }
        let texts = taken.map { $0.count == 1 ? $0.text : "\($0.text) (\($0.count) sockets)" }
        var sentence = "From systemd: \(texts.isEmpty ? "none that is wanted" : texts.joined(separator: ", "))"
        if !own.isEmpty { sentence += "; opened by the server: \(own.joined(separator: ", "))" }
        if pool.count < started.workerCount {
            sentence +=
                "; \(HumanText.count(pool.count, "worker")) of \(started.workerCount), as more need a UDP socket each: repeat "
                + "the ListenDatagram lines with ReusePort=yes"
        }
        tell(.socketsPassed, sentence)
        let unused = passed.closeUnused()
        for warning in unused { tell(.startWarning, warning) }
        unusedSockets.withLock { $0 = unused }
    }
}
