"""Random schemas, rows and queries; relations that answers have to obey whatever the query; the smallest that fails."""
