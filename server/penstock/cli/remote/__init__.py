"""What the commands for people and CI share: where the server is, how to speak to it, how to show its answers."""
