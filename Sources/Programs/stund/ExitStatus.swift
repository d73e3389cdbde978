/// The exit codes of the program, as sysexits.h names them, but for 1.
enum ExitStatus: Int32, Sendable, CaseIterable {
    /// What was compared is not as it should be: a zone and what `stund dns` prints for it, or settings and the
    /// configuration that `stund import` made them of.
    case difference = 1
    /// The command line is wrong; ArgumentParser uses the same number.
    case usage = 64
    /// What was entered is wrong.
    case dataError = 65
    /// A file that was named isn't there, or can't be read.
    case noInput = 66
    /// No server answers.
    case unavailable = 69
    /// The server failed in a way it shouldn't.
    case software = 70
    /// The system refused something: a port, a process.
    case osError = 71
    /// A file can't be made.
    case cantCreate = 73
    /// The user may not do this.
    case noPermission = 77
    /// The settings are wrong.
    case configuration = 78
}

/// Why the program ends: a sentence for a person and the exit code for a script.
struct Failure: Error, Hashable, CustomStringConvertible {
    /// The exit code.
    var status: ExitStatus
    /// What happened and what to do; may have several lines.
    var description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
