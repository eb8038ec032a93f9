"""The operator's access file: read, watched for changes, with tokens stored only as hashes."""
