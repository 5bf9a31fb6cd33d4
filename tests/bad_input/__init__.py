"""Tables of wrong arguments: a call, the argument to be named, and what the message must show."""
