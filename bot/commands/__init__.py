"""What operators type: one function a command, an exit code each."""
