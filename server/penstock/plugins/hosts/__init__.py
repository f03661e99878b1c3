"""Git hosts as we use them: pull requests, files at a commit, one comment, one commit status."""
