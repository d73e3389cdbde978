import ServerSettings

extension Administrator {
    /// The stored hash that somebody's password is checked against; nil when there is nobody of this name.
    ///
    /// Whoever remembers that a password was right forgets it when this changes.
    public func storedHash(of name: String) async -> String? {
        let settings = server.settings.settings
        return name == settings.httpUser ? settings.httpPasswordHash : nil
    }

    /// Whether the console asks people to log in.
    public var asksForLogin: Bool { server.settings.settings.httpPasswordHash != nil }
}
