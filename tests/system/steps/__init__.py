"""What people do and see at the screens, one file a screen, in the words of the stories."""
