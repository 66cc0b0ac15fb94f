"""A whole AWS on this machine, for the end-to-end tests and the demo.

MiniStack (see requirements.txt) in a process of its own, on a free port of 127.0.0.1, with its state in a
temporary directory and its log in a file. A 12-digit access key id *is* the account, so one server is as many
accounts and Regions as a test likes.

- `server.LocalAws` starts and stops one.
- `python -m tests.local_aws.run -- COMMAND` runs a command beside one, told by LIVEMOVE_TEST_ENDPOINT.
- `corrections` says what MiniStack does differently from AWS where our tests would notice, and puts it right.
"""
