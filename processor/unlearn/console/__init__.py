"""The console: a page that shows operators how a model stands, and from which they ask its workers for things."""
