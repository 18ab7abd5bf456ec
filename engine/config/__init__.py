"""Text → snapshot: tree, shape, link, lint, compile. The home of yaml and jsonschema."""
