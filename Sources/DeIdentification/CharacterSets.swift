import DCMTKBridge

extension ElementRules {
    /// (0008,0005), here or in an item: what is read by it is read by it from here on.
    mutating func enterCharacterSet(_ element: borrowing DataSetElement) -> ElementAction {
        guard let set = SpecificCharacterSet(element.value) else { return fail(.unknownCharacterSet) }
        characterSets.set(set)
        return .keep
    }
}
