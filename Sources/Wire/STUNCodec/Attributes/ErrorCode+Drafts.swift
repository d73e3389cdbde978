// Numbers that never came into IANA's registry.
extension ErrorCode {
    /// 439 Transitioning (draft-rosenberg-midcom-turn-08 section 9.2.9).
    public static let transitioning = ErrorCode(unchecked: 439)
}
