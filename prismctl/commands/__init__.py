"""One file per noun (or top verb): reads flags, asks the client, hands the answer to output."""
