// Long: one row for each message; only those about the other servers of a fleet have a file of their own
// (MessageCode+ClusterTable.swift).
extension MessageCode {
    /// The row of this code.
    public var definition: Definition {
        guard let row = Self.rows[self] else { preconditionFailure("message \(rawValue) has no row in the table") }
        return row
    }

    private static let rows = Dictionary(uniqueKeysWithValues: (manual + additions + cluster).map { ($0.code, $0) })

    /// The messages of the manual of 2002, with its meanings.
    private static let manual: [Definition] = [
        Definition(
            .templateFailed,
            .failure,
            "Page template failed",
            meaning: "The internal web server could not evaluate a page template (a server side include in "
                + "2002).",
            remedy: "Reinstall the web files of this version; if it stays, report it as a fault."
        ),
        Definition(
            .bindingExpired,
            .detail,
            "Binding removed",
            meaning: "A port binding was removed because its client did not refresh it.",
            remedy: "Nothing; clients that are gone end this way.",
            addressWord: "of"
        ),
        Definition(
            .bindingMissing,
            .error,
            "Binding not found",
            meaning: "A port binding could not be found, an internal error that should not happen.",
            remedy: "Never written by this server, which looks for none; the number is kept.",
            addressWord: "of"
        ),
        Definition(
            .responseReceived,
            .info,
            "Response ignored",
            meaning: "The server received a response; it answers only requests and ignores responses.",
            remedy: "Nothing; many of them mean that somebody forges this server's address."
        ),
        Definition(
            .unknownMessageType,
            .info,
            "Unknown message type",
            meaning: "A message of unknown type, or no STUN message at all, was received and ignored.",
            remedy: "Nothing; scans and strayed packets look like this.",
            detail: .type
        ),
        Definition(
            .messageReceived,
            .debug,
            "Received pdu",
            meaning: "The server received a message.",
            remedy: "Nothing."
        ),
        Definition(
            .mirrorDestinationSet,
            .detail,
            "Mirror destination set",
            meaning: "The destination of a mirror has been set.",
            remedy: "Nothing.",
            addressWord: "to"
        ),
        Definition(
            .wrongLength,
            .info,
            "Wrong length",
            meaning: "A request with a wrong length count was received; its processing continues.",
            remedy: "Nothing; if a device does it all the time, update the device."
        ),
        Definition(
            .unknownAddressFamily,
            .info,
            "Unknown address family",
            meaning: "A message named an Internet protocol family that is neither IPv4 (1) nor IPv6 (2).",
            remedy: "Nothing; if a device does it all the time, update the device.",
            detail: .type
        ),
        Definition(
            .unknownAttribute,
            .info,
            "Unknown attribute",
            meaning: "A message held an unknown attribute that cannot be ignored: it was refused with 420, "
                + "or discarded where its draft says so.",
            remedy: "Nothing; the client uses an extension that this server does not have.",
            detail: .type
        ),
        Definition(
            .allocationRepeated,
            .detail,
            "Allocation repeated",
            meaning: "A repetition of a request for a port allocation was received and answered as before.",
            remedy: "Nothing; many of them mean that answers are lost on their way to the client."
        ),
        Definition(
            .portAllocated,
            .detail,
            "Port allocated",
            meaning: "A new port was allocated for a TURN mirror.",
            remedy: "Nothing.",
            addressWord: "for"
        ),
        Definition(
            .noPortLeft,
            .failure,
            "No port left",
            meaning: "No more port could be allocated on this server: it is out of ports, or a limit is "
                + "reached.",
            remedy: "Raise the limit that the entry names, or spread the load over more servers.",
            addressWord: "for",
            linesPerSecond: 1
        ),
        Definition(
            .changeAddressImpossible,
            .info,
            "Change IP request not answered",
            meaning: "A change IP request cannot be answered because there is neither a second address nor "
                + "another STUN server that is healthy.",
            remedy: "Set second-address if the host has a second public address, or other-stun-servers and "
                + "cluster-key if there is another host; else nothing."
        ),
        Definition(
            .handedOver,
            .debug,
            "Request handed over",
            meaning: "A request was sent to a different STUN server, which answers it from its own address.",
            remedy: "Nothing.",
            addressWord: "to"
        ),
        Definition(
            .otherServerUnresolved,
            .warning,
            "Other STUN server not resolved",
            meaning: "A server in the list of other STUN servers cannot be resolved to an address.",
            remedy: "Correct the name in other-stun-servers, or mend the name service of the host."
        ),
        Definition(
            .responseSent,
            .debug,
            "Send response",
            meaning: "The server sent a response to the address shown.",
            remedy: "Nothing.",
            addressWord: "to"
        ),
        Definition(
            .primarySendFailed,
            .warning,
            "Cannot send response",
            meaning: "The primary STUN port could not send to the response address, which should be reachable.",
            remedy: "Check routes and the firewall of the host; the entry names the operating system's error.",
            addressWord: "to",
            detail: .systemError
        ),
        Definition(
            .responseSentFromOtherPort,
            .debug,
            "Send response from other port",
            meaning: "The server sent a response from a different port than the request came to.",
            remedy: "Nothing.",
            addressWord: "to"
        ),
        Definition(
            .secondarySendFailed,
            .warning,
            "Cannot send response from secondary port",
            meaning: "The secondary STUN port could not send to the response address, which should be "
                + "reachable.",
            remedy: "Check routes and the firewall of the host; the entry names the operating system's error.",
            addressWord: "to",
            detail: .systemError
        ),
        Definition(
            .mirrorRemoved,
            .detail,
            "Mirror removed",
            meaning: "A TURN mirror was removed.",
            remedy: "Nothing.",
            addressWord: "of"
        ),
        Definition(
            .licenceCheckFailed,
            .warning,
            "Licence check failed",
            meaning:
                "The licence key is missing, wrong, ended or for another address. The server relays on; its statistics keep 10 rows.",
            remedy:
                "Look at the licence page or `stund license show`, and set license-key to the vendor's key for this address."
        ),
        Definition(
            .socketFailed,
            .critical,
            "Socket error",
            meaning: "The operating system gave a fundamental error with the sockets, which should not happen.",
            remedy: "Look up the error that the entry names; limits on memory and open files are the usual "
                + "cause. Restart the server.",
            detail: .systemError
        ),
        Definition(
            .settingsRead,
            .notice,
            "Settings read",
            meaning: "The settings file was read; the entry says which and what was found.",
            remedy: "Nothing, or what the entry says."
        ),
        Definition(
            .hostUnresolved,
            .warning,
            "Host name not resolved",
            meaning: "A host name cannot be resolved to an IP address.",
            remedy: "Correct the name in the settings, or mend the name service of the host."
        ),
        Definition(
            .started,
            .notice,
            "Started",
            meaning: "The server started; the entry says with which version and where it answers.",
            remedy: "Nothing."
        ),
        Definition(
            .httpPortNotOpened,
            .error,
            "HTTP port not opened",
            meaning: "Neither the HTTP port that is set nor one of the ports 5068 and on could be opened.",
            remedy: "Stop the program that holds the port, or set another http-port."
        ),
        Definition(
            .primaryPortNotOpened,
            .alert,
            "Primary STUN port not opened",
            meaning: "The primary STUN port could not be opened, so the server cannot work.",
            remedy: "Stop the program that the entry names, or set another stun-port-1; ports below 1024 "
                + "need a privilege."
        ),
        Definition(
            .secondaryPortNotOpened,
            .critical,
            "Secondary STUN port not opened",
            meaning: "The secondary STUN port could not be opened.",
            remedy: "Stop the program that the entry names, or set another stun-port-2; ports below 1024 "
                + "need a privilege."
        ),
        Definition(
            .webFileMissing,
            .warning,
            "Web file not found",
            meaning: "A web file could not be found, which should not happen.",
            remedy: "Never written by this server, whose pages are part of the program; the number is kept."
        ),
        Definition(
            .winsockNotOpened,
            .alert,
            "WINSOCK not opened",
            meaning: "The Windows WINSOCK interface could not be opened.",
            remedy: "Never written on Linux; the number is kept."
        ),
        Definition(
            .registryNotRead,
            .error,
            "Registry element not read",
            meaning: "A Windows registry element could not be read.",
            remedy: "Never written on Linux; the number is kept."
        ),
        Definition(
            .registryNotWritten,
            .error,
            "Registry element not written",
            meaning: "A Windows registry element could not be written.",
            remedy: "Never written on Linux; the number is kept."
        ),
        Definition(
            .registryNotDeleted,
            .error,
            "Registry element not deleted",
            meaning: "A Windows registry element could not be deleted.",
            remedy: "Never written on Linux; the number is kept."
        ),
    ]

    /// The messages that came later.
    private static let additions: [Definition] = [
        Definition(
            .stopping,
            .notice,
            "Stopping",
            meaning: "The server was asked to stop and ends after its current work.",
            remedy: "Nothing."
        ),
        Definition(
            .settingsRefused,
            .warning,
            "Settings refused",
            meaning: "Changed settings were read again and refused; the running settings stay in force.",
            remedy: "Correct the file, line and key that the entry names, then send SIGHUP again."
        ),
        Definition(
            .settingsReloaded,
            .notice,
            "Settings reloaded",
            meaning: "Changed settings were read again and are in force.",
            remedy: "Nothing."
        ),
        Definition(
            .rateLimited,
            .warning,
            "Rate limit active",
            meaning: "An address range asks so often that some of its requests are not answered.",
            remedy: "Nothing against a flood; set a higher limit or exempt the range if it is one of your "
                + "own, such as a large NAT.",
            addressWord: "for",
            detail: .prefixLength,
            linesPerSecond: 1
        ),
        Definition(
            .logEntriesLost,
            .warning,
            "Log entries lost",
            meaning: "Packet workers wrote entries faster than the log took them; the entry says how many "
                + "are missing.",
            remedy: "Lower log-level; at 8 and 9 every message is copied.",
            linesPerSecond: 1
        ),
        Definition(
            .otherServersUnused,
            .warning,
            "Other STUN servers not used",
            meaning: "other-stun-servers names servers of this make, but without cluster-key they believe "
                + "each other nothing.",
            remedy: "Set the same cluster-key on all of them, or remove them from other-stun-servers."
        ),
        Definition(
            .logNotWritten,
            .critical,
            "Log not written",
            meaning: "The log could not be written to its destination; the server goes on and its recent "
                + "entries stay in memory.",
            remedy: "Mend what the entry names: a full disk, a missing folder, a stopped syslog, a terminal held by "
                + "Ctrl-S, a program that does not read what it is given."
        ),
        Definition(
            .logWrittenAgain,
            .notice,
            "Log written again",
            meaning: "The log is written to its destination again; the entry says how many entries are "
                + "missing there.",
            remedy: "Nothing."
        ),
        Definition(
            .controlSocketNotOpened,
            .error,
            "Control socket not opened",
            meaning: "The control socket could not be opened; without it nobody could ask for status, log and "
                + "statistics, so the start fails (exit status 73).",
            remedy: "Check the folder and the permissions that the entry names, then start the server again."
        ),
        Definition(
            .restartNeeded,
            .warning,
            "Restart needed",
            meaning: "A changed setting takes effect only when the server starts.",
            remedy: "Restart the server when it suits."
        ),
        Definition(
            .startWarning,
            .warning,
            "Warning at start",
            meaning: "The server works, but something about its settings or its host is not as it should be.",
            remedy: "What the entry says."
        ),
        Definition(
            .malformedMessage,
            .info,
            "Malformed message dropped",
            meaning: "A STUN message was dropped because its length, or that of an attribute, does not fit the "
                + "datagram.",
            remedy: "Nothing; if a device does it all the time, update the device."
        ),
        Definition(
            .wrongFingerprint,
            .info,
            "Wrong FINGERPRINT, message dropped",
            meaning: "A STUN message was dropped because its FINGERPRINT is not that of its bytes, or not its last "
                + "attribute.",
            remedy: "Nothing; other protocols on the port and messages damaged on their way look like this."
        ),
        Definition(
            .requestRefused,
            .info,
            "TURN request refused",
            meaning: "A TURN request was refused; the entry says with which error code, whose it was, the exact cause "
                + "and what to do. Where a credential is wrong its level is 5. A client's first request, which never has a "
                + "credential, is not told.",
            remedy: "What the entry says; `stund explain` shows all that is known of the user or the address."
        ),
        Definition(
            .secretMade,
            .notice,
            "Secret for TURN made",
            meaning:
                "No user and no secret was there, so the server made a secret of its own, once, and keeps it in its "
                + "state folder.",
            remedy: "Nothing; `stund credentials` prints credentials that are made with it."
        ),
        Definition(
            .accountsRead,
            .notice,
            "Users and secrets read",
            meaning: "Users and secrets were read; the entry says how many there are.",
            remedy:
                "Nothing; new ones are good from now on, sessions of those that are gone last until their next refresh."
        ),
        Definition(
            .privateRelayAddress,
            .warning,
            "Relay address is private",
            meaning:
                "The relay address that clients are told is a private one, so only peers in the same network reach it.",
            remedy: "Set external-ip to the public address of the NAT before this host; in a local network nothing."
        ),
        Definition(
            .settingChanged,
            .notice,
            "Setting changed",
            meaning:
                "Somebody changed a setting; the entry says who, which, from what and to what. Secrets are not told.",
            remedy: "Nothing; `stund setting history` has all changes, and `stund setting undo` takes one back."
        ),
        Definition(
            .accountChanged,
            .notice,
            "Account changed",
            meaning:
                "Somebody changed the users or secrets of TURN, or who may use the console; the entry says who and what.",
            remedy: "Nothing, if you know of it."
        ),
        Definition(
            .consoleOpened,
            .notice,
            "Console opened",
            meaning: "The web console is open; the entry says at which address.",
            remedy: "Nothing."
        ),
        Definition(
            .consoleOnOtherPort,
            .warning,
            "Console opened on another port",
            meaning: "The port that is set for the web console could not be opened, so it is on the next one that was "
                + "free, from 5068 on; the entry says where and why.",
            remedy: "Nothing, or stop the program that holds the port, or set another http-port. Ports below 1024 need "
                + "root or the right CAP_NET_BIND_SERVICE."
        ),
        Definition(
            .consoleLoginRefused,
            .warning,
            "Console login refused",
            meaning: "Somebody gave a wrong name, password or token for the web console; the entry says who and from "
                + "where. After five in a row the client has to wait for half a minute.",
            remedy: "Nothing, if it was you; else restrict who reaches the console (http-address, a firewall)."
        ),
        Definition(
            .drainBegan,
            .notice,
            "Drain began",
            meaning:
                "The server takes no new allocations from now on, since somebody asked it to drain or it got SIGTERM; the "
                + "entry says how many allocations are left and until when they may go on.",
            remedy: "Nothing; `stund drain --cancel` takes it back."
        ),
        Definition(
            .drainEnded,
            .notice,
            "Drain ended",
            meaning:
                "The drain is over: no allocation was left, its time was up, or it was taken back; the entry says which.",
            remedy: "Nothing, or start the server again."
        ),
        Definition(
            .socketsPassed,
            .notice,
            "Ports taken from systemd",
            meaning:
                "systemd had opened ports before it started the server; the entry says which ones the server has from it, and "
                + "which it opened itself.",
            remedy:
                "Nothing; if a port is missing, the .socket unit and the settings must name the same address and port."
        ),
        Definition(
            .sandboxEntered,
            .notice,
            "Sandbox",
            meaning:
                "The server has given up what it needs no more, so that nobody who breaks into it has it; the entry says what the "
                + "kernel holds it to, and what it cannot.",
            remedy:
                "Nothing; what is missing needs Linux 5.13 or newer with Landlock, or a container that lets it through. Where it leaves "
                + "a folder to the server that is not its own, give the file that is there another one."
        ),
        Definition(
            .otherServerResolvedAgain,
            .notice,
            "Other STUN server resolved again",
            meaning:
                "A server in the list of other STUN servers that could not be resolved has addresses again; the entry "
                + "says which.",
            remedy: "Nothing."
        ),
        Definition(
            .otherServersLeftOut,
            .warning,
            "Other STUN servers left out",
            meaning:
                "The names in the list of other STUN servers stand for more addresses than are used: four of a family "
                + "and name, 64 in all.",
            remedy:
                "Name the servers one by one in other-stun-servers, if those that are used are the wrong ones; look at the "
                + "zone, if the name should not have so many."
        ),
        Definition(
            .connectionEnded,
            .info,
            "Connection ended",
            meaning:
                "A TCP connection of a client has ended, and its allocation with it; the entry says why. One that its "
                + "client closed has level 7.",
            remedy:
                "Nothing; if a device loses its connections all the time, look at the network between, and update the device."
        ),
        Definition(
            .connectionRefused,
            .info,
            "Connection refused",
            meaning:
                "A TCP connection of a client was closed at once, since there were too many; the entry says which limit.",
            remedy:
                "Raise the limit that the entry names if the clients are yours; many clients behind one address can be let "
                + "in by rate-limit-exempt."
        ),
        Definition(
            .certificateInUse,
            .notice,
            "TLS certificate in use",
            meaning:
                "The server begins TLS and DTLS with this certificate, or with none any more; the entry has its "
                + "names and its end.",
            remedy: "Nothing."
        ),
        Definition(
            .certificateReplaced,
            .notice,
            "TLS certificate replaced",
            meaning:
                "The files of the certificate have changed: new connections get the new certificate, and those "
                + "that were there go on.",
            remedy: "Nothing."
        ),
        Definition(
            .certificateNotTaken,
            .error,
            "TLS certificate not taken",
            meaning:
                "The files of the certificate have changed, and what is in them now cannot be used, so the "
                + "certificate that was read before stays in use; the entry says what is wrong.",
            remedy: "Put right what the entry names; the files are read again by themselves."
        ),
        Definition(
            .certificateExpiresSoon,
            .warning,
            "TLS certificate expires soon",
            meaning:
                "The certificate ends within 14 days, or has less than a quarter of its life left; it is said "
                + "daily.",
            remedy: "Renew it; docs/certificates.md says how, and why it may not have happened by itself."
        ),
        Definition(
            .certificateNotValid,
            .error,
            "TLS certificate not valid",
            meaning:
                "The certificate has expired, or is not valid yet by the clock of this host, so that clients "
                + "refuse TLS and DTLS; UDP and TCP go on. It is said daily.",
            remedy: "Renew it, or set the clock of the host right."
        ),
    ]
}
