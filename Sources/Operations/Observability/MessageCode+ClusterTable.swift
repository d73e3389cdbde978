extension MessageCode {
    /// The messages about the other servers of a fleet.
    static let cluster: [Definition] = [
        Definition(
            .peerHealthy,
            .notice,
            "Other server healthy",
            meaning:
                "Another STUN server answers, for the first time, again, or after its restart; the entry says which one, "
                + "its version and the round trip.",
            remedy: "Nothing.",
            linesPerSecond: 5
        ),
        Definition(
            .peerLost,
            .warning,
            "Other server lost",
            meaning:
                "Another STUN server has not answered for 3 s, so no request is handed to it until it does. It is asked "
                + "on each second.",
            remedy:
                "If it is not being restarted: look whether it runs, whether UDP to its first STUN port gets through, "
                + "whether its cluster-key is the same, and whether its other-stun-servers name this server.",
            linesPerSecond: 5
        ),
        Definition(
            .peerClockDiffers,
            .warning,
            "Clocks of two servers differ",
            meaning:
                "Another STUN server answers, but its clock and that of this host are more than 5 s apart, so requests "
                + "handed to it would be refused; the entry says how far. None is handed to it.",
            remedy:
                "Set the clocks of both hosts by NTP (`timedatectl set-ntp true`); the server is used with the next answer "
                + "that shows the right time.",
            linesPerSecond: 5
        ),
        Definition(
            .peerIsItself,
            .notice,
            "Other server is this server",
            meaning: "An entry of other-stun-servers stands for this very server. It is left out.",
            remedy: "Nothing: all servers of a fleet may have the same list.",
            linesPerSecond: 5
        ),
        Definition(
            .fleetStoreLost,
            .warning,
            "Redis of the fleet lost",
            meaning:
                "The Redis that the servers of the fleet share does not answer, or has lost its data; the entry says why. "
                + "What is relayed goes on, users and secrets that are known stay good, and each server gives a user its share "
                + "of user-allocations. It is asked on every two seconds.",
            remedy: "Start the Redis again or mend the way to it; after lost data put its users and secrets back.",
            linesPerSecond: 5
        ),
        Definition(
            .fleetStoreReached,
            .notice,
            "Redis of the fleet reached",
            meaning: "The Redis that the servers of the fleet share answers, for the first time or again.",
            remedy: "Nothing.",
            linesPerSecond: 5
        ),
    ]
}
