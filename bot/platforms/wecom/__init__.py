"""WeCom (企业微信): the self-built app for HR, 微信客服 for candidates, the group robot for HR's group."""
