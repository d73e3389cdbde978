/// The version of the program.
enum Version {
    /// Major, minor and patch (semver.org).
    static let current = "0.1.0"
}
