"""Guards whose weights run behind a server that speaks OpenAI's protocol."""
