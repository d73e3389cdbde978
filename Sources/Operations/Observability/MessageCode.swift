/// The stable number of a log message.
///
/// 1001-1034 mean what the manual of 2002 says in its appendix B; events that it did not know begin at 1100. A number is
/// never given a second meaning. What each one says and asks for stands in one table, which `definition` reads;
/// `docs/messages.md` shows it to people.
public enum MessageCode: UInt16, Sendable, Hashable, CaseIterable {
    /// The web server could not evaluate a template.
    case templateFailed = 1001
    /// A binding ran out because its client did not refresh it.
    case bindingExpired = 1002
    /// A binding that must exist is missing.
    case bindingMissing = 1003
    /// A response arrived where only requests do.
    case responseReceived = 1004
    /// A message of unknown type arrived.
    case unknownMessageType = 1005
    /// A message arrived.
    case messageReceived = 1006
    /// The destination of a mirror was set.
    case mirrorDestinationSet = 1007
    /// A request's length field does not fit the datagram, but what is whole of it was processed.
    case wrongLength = 1008
    /// An address of unknown family arrived.
    case unknownAddressFamily = 1009
    /// An attribute arrived that is unknown and may not be ignored.
    case unknownAttribute = 1010
    /// A request for an allocation was repeated.
    case allocationRepeated = 1011
    /// A port was allocated.
    case portAllocated = 1012
    /// No port could be allocated.
    case noPortLeft = 1013
    /// A change-IP request could not be answered.
    case changeAddressImpossible = 1014
    /// A request was handed to another STUN server.
    case handedOver = 1015
    /// The name of another STUN server does not resolve.
    case otherServerUnresolved = 1016
    /// A response was sent.
    case responseSent = 1017
    /// The primary port could not send to an address.
    case primarySendFailed = 1018
    /// A response was sent from a different port.
    case responseSentFromOtherPort = 1019
    /// The secondary port could not send to an address.
    case secondarySendFailed = 1020
    /// A mirror was removed.
    case mirrorRemoved = 1021
    /// The licence check failed.
    case licenceCheckFailed = 1022
    /// The operating system failed on a socket in a fundamental way.
    case socketFailed = 1023
    /// The settings were read.
    case settingsRead = 1024
    /// A host name does not resolve.
    case hostUnresolved = 1025
    /// The server started.
    case started = 1026
    /// No port could be opened for HTTP.
    case httpPortNotOpened = 1027
    /// The primary STUN port could not be opened.
    case primaryPortNotOpened = 1028
    /// The secondary STUN port could not be opened.
    case secondaryPortNotOpened = 1029
    /// A web file is missing.
    case webFileMissing = 1030
    /// WINSOCK could not be opened (Windows only).
    case winsockNotOpened = 1031
    /// A registry element could not be read (Windows only).
    case registryNotRead = 1032
    /// A registry element could not be written (Windows only).
    case registryNotWritten = 1033
    /// A registry element could not be deleted (Windows only).
    case registryNotDeleted = 1034

    /// The server is stopping.
    case stopping = 1101
    /// Changed settings were refused; the old ones stay.
    case settingsRefused = 1102
    /// Changed settings are in force.
    case settingsReloaded = 1103
    /// Answers to an address range are held back.
    case rateLimited = 1104
    /// Log entries were lost between a packet worker and the log.
    case logEntriesLost = 1105
    /// `other-stun-servers` is set but not used.
    case otherServersUnused = 1106
    /// The log cannot be written to its destination.
    case logNotWritten = 1108
    /// The log is written to its destination again.
    case logWrittenAgain = 1109
    /// The control socket could not be opened.
    case controlSocketNotOpened = 1110
    /// A changed setting waits for a restart.
    case restartNeeded = 1111
    /// Something about the settings or the host is not as it should be.
    case startWarning = 1112
    /// A STUN message whose parts do not fit together was dropped.
    case malformedMessage = 1113
    /// A message with a wrong FINGERPRINT was dropped.
    case wrongFingerprint = 1114
    /// A TURN request was refused.
    case requestRefused = 1115
    /// A secret for time-limited credentials was made.
    case secretMade = 1116
    /// Users and secrets were read again.
    case accountsRead = 1117
    /// The address that relays is a private one.
    case privateRelayAddress = 1118
    /// Somebody changed a setting.
    case settingChanged = 1119
    /// Somebody changed users, secrets, operators or tokens.
    case accountChanged = 1120
    /// The web console is open.
    case consoleOpened = 1121
    /// The web console is open on another port than the one of the settings.
    case consoleOnOtherPort = 1122
    /// Somebody was not let into the console.
    case consoleLoginRefused = 1123
    /// The server takes no new allocations from now on.
    case drainBegan = 1124
    /// A drain is over.
    case drainEnded = 1125
    /// systemd had opened ports.
    case socketsPassed = 1126
    /// The server has given up what it needs no more.
    case sandboxEntered = 1127

    /// Another server of the fleet answers.
    case peerHealthy = 1130
    /// Another server of the fleet does not answer any more.
    case peerLost = 1131
    /// The clock of another server is too far from ours.
    case peerClockDiffers = 1132
    /// An entry of the other servers is this server.
    case peerIsItself = 1133
    /// The store of the fleet cannot be reached, or has lost its data.
    case fleetStoreLost = 1140
    /// The store of the fleet answers.
    case fleetStoreReached = 1141
    /// Another STUN server whose name did not resolve has addresses again.
    case otherServerResolvedAgain = 1150
    /// Other STUN servers have more addresses than are used.
    case otherServersLeftOut = 1151
    /// A client's TCP connection has ended.
    case connectionEnded = 1160
    /// A client's TCP connection was refused.
    case connectionRefused = 1161
    /// The server begins TLS and DTLS with this certificate.
    case certificateInUse = 1162
    /// New files of the certificate are in use.
    case certificateReplaced = 1163
    /// New files of the certificate are not used.
    case certificateNotTaken = 1164
    /// The certificate expires soon.
    case certificateExpiresSoon = 1165
    /// The certificate has expired, or is not valid yet.
    case certificateNotValid = 1166
}

extension MessageCode {
    /// What a message code says, how urgent it is and what it asks for.
    public struct Definition: Sendable {
        /// The number.
        public let code: MessageCode
        /// The level an entry has when nobody says otherwise.
        public let level: LogLevel
        /// The short text an entry has when nobody says otherwise.
        public let text: String
        /// What happened, in one sentence.
        public let meaning: String
        /// What a person should do.
        public let remedy: String
        /// The word between the text and the address.
        public let addressWord: String
        /// How to read the number that a packet worker gives with the code.
        public let detail: Detail
        /// How many entries of level 0...7 are written in a second before others are only counted.
        public let linesPerSecond: Int

        init(
            _ code: MessageCode,
            _ level: LogLevel,
            _ text: String,
            meaning: String,
            remedy: String,
            addressWord: String = "from",
            detail: Detail = .none,
            linesPerSecond: Int = 10
        ) {
            self.code = code
            self.level = level
            self.text = text
            self.meaning = meaning
            self.remedy = remedy
            self.addressWord = addressWord
            self.detail = detail
            self.linesPerSecond = linesPerSecond
        }
    }

    /// The meaning of the number that a packet worker gives with a code.
    public enum Detail: Sendable, Hashable {
        /// There is none.
        case none
        /// An error number of the operating system.
        case systemError
        /// A message or attribute type, shown in hexadecimal.
        case type
        /// The length of an address prefix in bits.
        case prefixLength
    }
}
