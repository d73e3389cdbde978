// Unsafe: libFuzzer hands over a pointer and a length, which are copied at once.

/// What libFuzzer calls with each input; a broken promise ends the process, which libFuzzer reports with the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    do { try fleetFrames(bytes) } catch { fatalError("\(error)") }
    return 0
}
