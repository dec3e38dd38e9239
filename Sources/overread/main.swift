// Removed with the first command.
print("overread")
