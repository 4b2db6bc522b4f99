"""The page to hand over: questions with their answers, and what may be concluded from them."""
