"""Files that users attach: what they hold, judged by their content."""
