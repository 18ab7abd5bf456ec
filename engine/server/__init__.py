"""The Litestar application and the uvicorn protocol under it. The home of litestar."""
