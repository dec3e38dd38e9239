import DCMTKBridge
import DICOMCore

/// A command set and the context that it came on.
struct ReceivedCommand {
    let contextID: UInt8
    let command: CommandSet
}

// Messages (PS3.7 6.3) over an association. All of these block.
extension AssociationConnection {
    /// The next command set.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func receiveCommand(timeout: Duration) throws(AssociationError) -> ReceivedCommand {
        var bytes: [UInt8] = []
        var contextID: UInt8 = 0
        do {
            try receive(.command, timeout: timeout) { fragment in
                contextID = fragment.contextID
                guard bytes.count + fragment.bytes.count <= CommandSet.maximumLength else { return .leave }
                bytes.append(contentsOf: fragment.bytes)
                return .next
            }
        } catch {
            guard error.kind != .stopped else { throw .protocolViolation("a command set beyond 64 KiB") }
            throw AssociationError(error)
        }
        do {
            return ReceivedCommand(contextID: contextID, command: try CommandSet(parsing: bytes))
        } catch {
            throw .protocolViolation("a command set that is not a flat list of elements of group 0000")
        }
    }

    /// The next data set, fragment by fragment. When the sink throws, it is not called again, the rest of the data set is
    /// read and thrown away, and the error is returned.
    ///
    /// - Returns: the number of bytes that the sink was given, and its error.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func receiveDataSet(
        contextID: UInt8, timeout: Duration, sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws(AssociationError) -> (bytes: Int64, failure: (any Error)?) {
        var count: Int64 = 0
        var failure: (any Error)?
        var isOnOtherContext = false
        do {
            try receive(.dataSet, timeout: timeout) { fragment in
                guard fragment.contextID == contextID else {
                    isOnOtherContext = true
                    return .leave
                }
                count += Int64(fragment.bytes.count)
                do {
                    try sink(fragment.bytes)
                    return .next
                } catch {
                    failure = error
                    return .drain
                }
            }
        } catch {
            if isOnOtherContext { throw .protocolViolation("a data set on another presentation context") }
            if error.kind == .stopped, let failure { return (count, failure) }
            throw AssociationError(error)
        }
        return (count, nil)
    }

    /// Reads a data set that nobody wants.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func drainDataSet(timeout: Duration) throws(AssociationError) {
        do {
            try receive(.dataSet, timeout: timeout) { _ in .drain }
        } catch {
            if error.kind != .stopped { throw AssociationError(error) }
        }
    }

    /// Sends a command set.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func send(_ command: CommandSet, contextID: UInt8) throws(AssociationError) {
        let bytes = command.encoded()
        do {
            try bytes.withUnsafeBufferPointer { buffer throws(DCMTKError) in
                try send(.command, contextID: contextID, bytes: UnsafeRawBufferPointer(buffer))
            }
        } catch {
            throw AssociationError(error)
        }
    }

    /// Waits for the response to a request of ours, which has no data set that we would want.
    ///
    /// - Returns: the status.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func receiveResponse(
        to request: CommandSet, timeout: Duration
    ) throws(AssociationError) -> DIMSEStatus {
        let (status, response) = try receiveResponseCommand(to: request, timeout: timeout)
        if response.hasDataSet { try drainDataSet(timeout: timeout) }
        return status
    }

    /// Waits for the next response to a request of ours, up to its data set.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func receiveResponseCommand(
        to request: CommandSet, timeout: Duration
    ) throws(AssociationError) -> (status: DIMSEStatus, response: CommandSet) {
        let received = try receiveCommand(timeout: timeout)
        guard received.command.field == request.field?.response,
            received.command.number(.messageIDBeingRespondedTo) == request.number(.messageID),
            let status = received.command.number(.status)
        else { throw .protocolViolation("not the response to our request") }
        return (DIMSEStatus(rawValue: status), received.command)
    }

    /// The next data set, whole, for services whose data sets are small. It is pre-parsed as it comes; when it breaks the
    /// limits or makes no sense, the rest of it is thrown away and the fault returned.
    @available(*, noasync, message: "blocks: use a thread of its own")
    func receiveSmallDataSet(
        contextID: UInt8, transferSyntax: TransferSyntax, limits: DataSetPreParser.Limits, timeout: Duration
    ) throws(AssociationError) -> Result<[UInt8], any Error> {
        var parser = DataSetPreParser(transferSyntax: transferSyntax, limits: limits)
        var bytes: [UInt8] = []
        let (_, failure) = try receiveDataSet(contextID: contextID, timeout: timeout) { fragment in
            try parser.consume(fragment) { part, run in
                // Pixels, and what is behind them, are in no data set of these services.
                if part == .header { bytes.append(contentsOf: run) }
            }
        }
        if let failure { return .failure(failure) }
        return Result {
            try parser.finish()
            return bytes
        }
    }
}
