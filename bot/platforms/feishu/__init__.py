"""Feishu (飞书): one app for members and candidates, in private chats and in groups; the group robot for HR's group."""
