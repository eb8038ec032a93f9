"""Text in pictures, through the engine that is installed. Which page needs it, its format decides."""
